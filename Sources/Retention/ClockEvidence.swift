import Foundation
import GoudCore
import Layout
import Volumes

/// How old things are, as far as more than one clock says so.
///
/// Of a machine's own clock nothing is known but what it says now. What it said before is in the moments of the backups:
/// they come at about equal distances, and a gap that is far wider than the others is more likely a clock that jumped
/// than a time in which nothing was made. Such a gap counts as one usual gap. So a jump makes nothing older than one more
/// backup would have made it, and from then on age grows as backups are made. Pure.
struct ClockEvidence: Sendable {
  let now: Date
  /// Why nothing may be deleted under this clock; nil: nothing speaks against it.
  let doubt: String?
  /// The moments of backups and now, ascending, each with the seconds to the next, and how many of them count.
  private let steps: [(moment: Date, gap: TimeInterval, counted: TimeInterval)]

  /// - Parameters:
  ///   - moments: of all backups, in any order; those that are ahead of now witness nothing.
  ///   - fileClock: what the file system says that holds them; nil: it was not asked. It is another machine's, on a network.
  ///   - confirmed: the operator vouches for the clock.
  init(now: Date, moments: [Date], fileClock: Date? = nil, confirmed: Bool = false) {
    self.now = now
    let known = Self.thinned(moments.filter { $0 <= now }) + [now]
    let gaps = zip(known, known.dropFirst()).map { $1.timeIntervalSince($0) }
    // The last of them is not one between backups.
    let between = Array(gaps.dropLast())
    let counted = gaps.indices.map { index in
      confirmed
        ? gaps[index]
        : Self.counted(gaps[index], others: between.enumerated().filter { $0.offset != index }.map(\.element))
    }
    steps = known.indices.map { $0 < gaps.count ? (known[$0], gaps[$0], counted[$0]) : (known[$0], 0, 0) }
    doubt = confirmed ? nil : Self.doubt(now, known, fileClock)
  }

  /// The age that is vouched for, in seconds; never more than the clock says.
  func age(of moment: Date) -> TimeInterval {
    guard let next = steps.firstIndex(where: { $0.moment >= moment }) else { return 0 }
    var passed = steps[next...].map { $0.gap - $0.counted }.reduce(0, +)
    if next > 0 { passed += max(0, steps[next].moment.timeIntervalSince(moment) - steps[next - 1].counted) }
    return now.timeIntervalSince(moment) - passed
  }

  /// Backups of several volumes are made one after another: what follows within twelve hours is of the same round.
  private static func thinned(_ moments: [Date]) -> [Date] {
    moments.sorted().reduce(into: []) { rounds, moment in
      guard let last = rounds.last, moment.timeIntervalSince(last) < day / 2 else { return rounds.append(moment) }
    }
  }

  // MARK: Doubt

  private static let day = 86400.0

  private static func doubt(_ now: Date, _ known: [Date], _ fileClock: Date?) -> String? {
    if let fileClock, abs(fileClock.timeIntervalSince(now)) > day {
      return "the clock says \(BackupStamp.text(now)), the file system \(BackupStamp.text(fileClock))"
    }
    // What was made under the same clock, a moment ago, is no witness for it.
    let earlier = known.filter { $0 < now - day }
    guard let newest = earlier.last else { return nil }
    let gap = now.timeIntervalSince(newest)
    guard isUnusual(gap, others: zip(earlier, earlier.dropFirst()).map { $1.timeIntervalSince($0) }) else { return nil }
    return "the clock says \(BackupStamp.text(now)), \(Int(gap / day)) days after the backup before"
  }

  private static func counted(_ gap: TimeInterval, others: [TimeInterval]) -> TimeInterval {
    isUnusual(gap, others: others) ? usual(others) ?? 0 : gap
  }

  /// Ten years are never believed. Else the gap must be wider than four usual ones, and the fewer others there are to
  /// compare it with, the wider: 240 days with one, 120 with two, 8 with thirty; a week always passes.
  private static func isUnusual(_ gap: TimeInterval, others: [TimeInterval]) -> Bool {
    guard gap <= 3650 * day else { return true }
    guard let usual = usual(others) else { return false }
    return gap > max(4 * usual, 240 * day / Double(others.count), 7 * day)
  }

  /// The lower median.
  private static func usual(_ gaps: [TimeInterval]) -> TimeInterval? {
    gaps.isEmpty ? nil : gaps.sorted()[(gaps.count - 1) / 2]
  }
}
