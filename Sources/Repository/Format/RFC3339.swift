import Foundation

/// Times as the format writes them (RFC 3339).
enum RFC3339 {
  /// In UTC, to the microsecond.
  static func text(_ time: Date) -> String {
    let micros = Int64((time.timeIntervalSince1970 * 1e6).rounded(.down))
    let (seconds, rest) = (micros.quotientAndRemainder(dividingBy: 1_000_000))
    let whole = Date(timeIntervalSince1970: Double(rest < 0 ? seconds - 1 : seconds)).formatted(style)
    let fraction = String(rest < 0 ? rest + 1_000_000 : rest)
    return whole.dropLast() + "." + String(repeating: "0", count: 6 - fraction.count) + fraction + "Z"
  }

  /// To the second and its fraction; nil when it is no such time.
  static func date(_ text: String) -> Date? {
    // The fraction has any number of digits, and the library takes three at most.
    guard let dot = text.firstIndex(of: ".") else { return try? Date(text, strategy: style) }
    let digits = text[text.index(after: dot)...].prefix { $0.isASCII && $0.isNumber }
    guard !digits.isEmpty, let fraction = Double("0.\(digits)"),
      let whole = try? Date(text[..<dot] + text[digits.endIndex...], strategy: style)
    else { return nil }
    return whole.addingTimeInterval(fraction)
  }

  private static let style = Date.ISO8601FormatStyle()
}
