import GoudCore

/// When a schedule runs: five fields of cron(5), `minute hour day month weekday`, of which each is `*`, numbers and
/// ranges separated by commas, or `*/n`.
public struct CronTime: Sendable, Hashable, CustomStringConvertible {
  private struct Field: Hashable {
    /// Empty: every value.
    var values: [Int]
    var text: String
  }

  private static let names = ["minute", "hour", "day", "month", "weekday"]
  private static let ranges = [0...59, 0...23, 1...31, 1...12, 0...7]
  private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
  private let fields: [Field]

  /// - Throws: `usage.invalid`, naming the field.
  public init(_ text: String) throws {
    let words = text.split(separator: " ").map(String.init)
    guard words.count == 5 else {
      throw GoudError(
        .usage, "\"\(text)\" does not have the five fields minute, hour, day, month and weekday",
        hint: "for example --at \"0 2 * * *\": every day at 2:00")
    }
    fields = try words.enumerated().map { index, word in
      guard let values = Self.values(word, Self.ranges[index]) else {
        throw GoudError(
          .usage, "\"\(word)\" is no \(Self.names[index])",
          hint: "*, */n, or numbers and ranges from \(Self.ranges[index].lowerBound) to "
            + "\(Self.ranges[index].upperBound), separated by commas")
      }
      return Field(values: values, text: word)
    }
    guard fields[2].values.isEmpty || fields[4].values.isEmpty else {
      throw GoudError(
        .usage, "a day of the month and a weekday together mean either of them to cron, and both of them to systemd",
        hint: "give one of the two, and * for the other")
    }
  }

  /// nil: not of this form. Empty: every value.
  private static func values(_ word: String, _ range: ClosedRange<Int>) -> [Int]? {
    if word == "*" { return [] }
    if word.hasPrefix("*/") {
      guard let step = Int(word.dropFirst(2)), step >= 1, step <= range.upperBound else { return nil }
      return Array(stride(from: range.lowerBound, through: range.upperBound, by: step))
    }
    var values: [Int] = []
    for part in word.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
      guard (1...2).contains(ends.count), let first = ends[0], let last = ends.last ?? nil, first <= last,
        range.contains(first), range.contains(last)
      else { return nil }
      values += Array(first...last)
    }
    return Array(Set(values)).sorted()
  }

  /// As cron takes it.
  public var description: String { fields.map(\.text).joined(separator: " ") }

  /// As systemd.time(7) takes it: `*-*-* 02:00:00`.
  public var calendar: String {
    func list(_ index: Int, width: Int = 2) -> String {
      let values = fields[index].values
      if values.isEmpty { return "*" }
      return values.map { String(repeating: "0", count: max(0, width - "\($0)".count)) + "\($0)" }.joined(
        separator: ",")
    }
    var days: [String] = []
    for day in fields[4].values.map({ Self.weekdays[$0] }) where !days.contains(day) { days.append(day) }
    let date = "*-\(list(3))-\(list(2)) \(list(1)):\(list(0)):00"
    return days.isEmpty ? date : "\(days.joined(separator: ",")) \(date)"
  }
}
