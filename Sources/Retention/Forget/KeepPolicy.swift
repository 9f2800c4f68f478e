import Foundation
import GoudCore
import Layout

/// How many backups of a repository are kept: the newest of each of so many minutes, hours, days and months that have any,
/// and so many of the newest of all.
public struct KeepPolicy: Sendable, Equatable {
  public var last = 0
  public var minutely = 0
  public var hourly = 0
  public var daily = 0
  public var monthly = 0

  /// What a repository is thinned to that says nothing else.
  public static let usual = KeepPolicy(minutely: 60, hourly: 24, daily: 30, monthly: 12)

  public init(last: Int = 0, minutely: Int = 0, hourly: Int = 0, daily: Int = 0, monthly: Int = 0) {
    (self.last, self.minutely, self.hourly, self.daily, self.monthly) = (last, minutely, hourly, daily, monthly)
  }

  /// Whether it would keep anything.
  public var isEmpty: Bool { self == KeepPolicy() }

  /// One backup, as far as this looks.
  struct Item {
    let taken: Date
    /// What it holds; what has the same is a later state of the same.
    let identity: String
    let isProven: Bool
  }

  /// - Parameter items: of one volume, newest first.
  /// - Returns: for each, why it is kept; empty: it goes.
  func reasons(_ items: [Item], now: Date) -> [[String]] {
    var reasons = [[String]](repeating: [], count: items.count)
    // What is later than now was made under a wrong clock: it takes nobody's place, and is not judged.
    let present = items.indices.filter { !items[$0].taken.isAhead(of: now) }
    for index in items.indices where items[index].taken.isAhead(of: now) { reasons[index].append("from the future") }
    for index in present.prefix(last) { reasons[index].append("last") }
    for (name, count, format) in [
      ("minutely", minutely, "yyyyMMddHHmm"), ("hourly", hourly, "yyyyMMddHH"), ("daily", daily, "yyyyMMdd"),
      ("monthly", monthly, "yyyyMM"),
    ] where count > 0 {
      let stamp = Self.stamp(format)
      var seen: Set<String> = []
      for index in present where seen.count < count && seen.insert(stamp(items[index].taken)).inserted {
        reasons[index].append(name)
      }
    }
    var proven: Set<String> = []
    for index in present where items[index].isProven && proven.insert(items[index].identity).inserted {
      reasons[index].append("newest proven")
    }
    return reasons
  }

  private static func stamp(_ format: String) -> (Date) -> String {
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.timeZone = TimeZone(identifier: "UTC")
    formatter.dateFormat = format
    return { formatter.string(from: $0) }
  }
}
