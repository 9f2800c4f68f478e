import Foundation

/// Metrics in Prometheus' text format, version 0.0.4: every name once, with its help and type before its samples.
struct Exposition {
  enum Kind: String { case counter, gauge, histogram }
  typealias Labels = KeyValuePairs<String, String>

  /// The content type that scrapers are told.
  static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  private(set) var text = ""

  /// One value without labels; nil: neither it nor its name is given.
  mutating func gauge(_ name: String, _ help: String, _ value: Double?) { single(name, .gauge, help, value) }
  mutating func counter(_ name: String, _ help: String, _ value: Double?) { single(name, .counter, help, value) }

  private mutating func single(_ name: String, _ kind: Kind, _ help: String, _ value: Double?) {
    guard let value else { return }
    family(name, kind, help) { $0.sample(value) }
  }

  /// A family of samples, which `body` gives in turn.
  mutating func family(_ name: String, _ kind: Kind, _ help: String, _ body: (inout Family) -> Void) {
    text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
    var family = Family(name: name)
    body(&family)
    text += family.text
  }

  /// The samples of one name.
  struct Family {
    fileprivate let name: String
    fileprivate var text = ""

    /// - Parameter suffix: `_bucket`, `_sum` or `_count` of a histogram.
    mutating func sample(_ value: Double, _ labels: Labels = [:], suffix: String = "") {
      let pairs = labels.map { "\($0.key)=\"\(Exposition.escaped($0.value))\"" }.joined(separator: ",")
      text += "\(name)\(suffix)\(pairs.isEmpty ? "" : "{\(pairs)}") \(Exposition.number(value))\n"
    }
  }

  /// Backslashes, quotes and line ends of a label's value.
  static func escaped(_ value: String) -> String {
    guard value.utf8.contains(where: { $0 == 0x5c || $0 == 0x22 || $0 == 0x0a }) else { return value }
    return value.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"")
      .replacingOccurrences(of: "\n", with: "\\n")
  }

  static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
    if let whole = Int64(exactly: value) { return "\(whole)" }
    return "\(value)"
  }
}
