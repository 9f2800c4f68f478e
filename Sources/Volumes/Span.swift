/// A length of time as a user writes it: `500ms`, `1s`, `5m`, `1h`.
public struct Span: Sendable, Hashable, CustomStringConvertible {
  public let seconds: Double

  public init(seconds: Double) { self.seconds = seconds }

  /// - Returns: nil for anything else.
  public init?(_ text: String) {
    guard let match = text.wholeMatch(of: /([0-9]{1,9}(?:\.[0-9]{1,3})?)(ms|s|m|h)/), let number = Double(match.1)
    else { return nil }
    seconds = number * (["ms": 0.001, "s": 1, "m": 60, "h": 3600][String(match.2)] ?? 1)
  }

  /// In the largest unit that makes it a whole number.
  public var description: String {
    for (unit, length) in [("h", 3600.0), ("m", 60), ("s", 1)] where seconds >= length {
      let count = seconds / length
      if count == count.rounded() { return "\(Int(count))\(unit)" }
    }
    return "\(Int((seconds * 1000).rounded()))ms"
  }
}
