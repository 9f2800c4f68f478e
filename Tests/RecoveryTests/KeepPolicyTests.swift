import Foundation
import Testing

@testable import Retention

/// Which backups of one volume are kept, and why: seconds before now, newest first.
@Suite struct KeepPolicyTests {
  /// A Monday at noon, UTC.
  private let now = Date(timeIntervalSince1970: 1_795_435_200)

  private func reasons(
    _ policy: KeepPolicy, _ ages: [Double], identity: [String]? = nil, proven: [Bool]? = nil
  ) -> [[String]] {
    policy.reasons(
      ages.indices.map {
        .init(
          taken: now.addingTimeInterval(-ages[$0]), identity: identity?[$0] ?? "A", isProven: proven?[$0] ?? true)
      }, now: now)
  }

  private func kept(_ policy: KeepPolicy, _ ages: [Double]) -> [Double] {
    zip(ages, reasons(policy, ages)).filter { !$1.isEmpty }.map(\.0)
  }

  @Test func nothingIsKeptOfNothing() {
    #expect(reasons(.usual, []) == [])
    #expect(KeepPolicy().isEmpty && !KeepPolicy.usual.isEmpty)
  }

  @Test func theNewestProvenOneOfEachContentStaysUnderAnyPolicy() {
    #expect(
      reasons(
        KeepPolicy(), [1, 2, 3, 4, 5], identity: ["A", "A", "B", "B", "A"], proven: [false, true, true, true, true])
        == [[], ["newest proven"], ["newest proven"], [], []])
  }

  @Test func theLastAreCountedOverAll() {
    #expect(
      reasons(KeepPolicy(last: 2), [1, 2, 3], identity: ["A", "B", "B"])
        == [["last", "newest proven"], ["last", "newest proven"], []])
  }

  @Test func ofAMinuteItsNewestIsKept() {
    // Noon exactly begins a minute; 1 and 30 seconds before are in the one before.
    #expect(kept(KeepPolicy(minutely: 3), [0, 1, 30, 61, 62, 130]) == [0, 1, 61])
  }

  @Test func periodsWithoutBackupsDoNotCount() {
    // Three backups a year apart are twelve months' worth of three months.
    #expect(kept(KeepPolicy(monthly: 12), [0, 365 * 86400, 730 * 86400]) == [0, 365 * 86400, 730 * 86400])
  }

  @Test func aReasonIsNamedForEachRule() {
    let found = reasons(
      KeepPolicy(last: 1, minutely: 1, hourly: 2, daily: 2, monthly: 2), [0, 3600, 86400, 40 * 86400])
    #expect(found[0] == ["last", "minutely", "hourly", "daily", "monthly", "newest proven"])
    #expect(found[1] == ["hourly"])
    #expect(found[2] == ["daily"])
    #expect(found[3] == ["monthly"])
  }

  @Test func whatIsFromTheFutureStaysAndTakesNobodysPlace() {
    #expect(
      reasons(KeepPolicy(last: 1), [-365 * 86400, 10, 20])
        == [["from the future"], ["last", "newest proven"], []])
  }

  /// A year of a commit a minute, thinned at each hour, stays bounded.
  @Test func theUsualPolicyBoundsTheNumberOfBackups() {
    let minutes = (0..<4320).map { Double($0) * 60 }
    let ages = minutes + (3..<800).map { Double($0) * 86400 }
    let kept = kept(.usual, ages)
    #expect(kept.count <= 60 + 24 + 30 + 12)
    #expect(kept.contains(0) && kept.contains { $0 > 300 * 86400 })
  }

  @Test func thinningTwiceKeepsWhatThinningOnceKept() {
    let ages = (0..<5000).map { Double($0 * $0) }
    let once = kept(.usual, ages)
    #expect(kept(.usual, once) == once)
  }
}
