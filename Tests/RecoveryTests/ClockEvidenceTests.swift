import Foundation
import Layout
import Testing
import Volumes

@testable import Backup
@testable import Restore
@testable import Retention

/// What a clock's jump is worth. Days before (negative) and after a fixed moment.
@Suite struct ClockEvidenceTests {
  private let start = BackupStamp.date("20261123-120000")!

  private func day(_ number: Double) -> Date { start.addingTimeInterval(number * 86400) }

  private func clock(_ now: Double, _ moments: [Double], files: Double? = nil, confirmed: Bool = false) -> ClockEvidence
  {
    ClockEvidence(now: day(now), moments: moments.map(day), fileClock: files.map(day), confirmed: confirmed)
  }

  private func age(_ clock: ClockEvidence, _ moment: Double) -> Int {
    Int((clock.age(of: day(moment)) / 86400).rounded())
  }

  @Test(arguments: [30.0, 60, 365, 400, 3650, 40000])
  func aJumpAmongDailyBackupsIsADoubtAndCountsOneDay(_ days: Double) {
    let history = Array(stride(from: -40.0, through: 0, by: 1))
    // Just after the backup under the new clock, and a day before one.
    for moments in [history + [days], history] {
      let jumped = clock(days, moments)
      #expect(jumped.doubt != nil)
      #expect(age(jumped, -3) == 4 && age(jumped, -40) == 41)
    }
    // The day after, the jump itself is past: what was made before it does not age by it.
    let later = clock(days + 1.1, history + [days, days + 1])
    #expect(later.doubt == nil)
    #expect(age(later, -3) == 5 && age(later, days) == 1)
  }

  @Test func threeBackupsAreWitnessesEnoughForAYear() {
    let jumped = clock(400, [-3, -2, -1, 400])
    #expect(jumped.doubt != nil && age(jumped, -3) == 3)
    #expect(clock(400, [-2, -1, 400]).doubt != nil)
  }

  @Test func theOperatorMayVouchForIt() {
    let confirmed = clock(400, [-3, -2, -1, 400], files: 0, confirmed: true)
    #expect(confirmed.doubt == nil && age(confirmed, -3) == 403)
  }

  @Test func whatIsUsualIsNoDoubt() {
    #expect(clock(0, [-360, -270, -180, -90]).doubt == nil, "every three months")
    #expect(clock(0, [-40, -1, 0]).doubt == nil, "too few to say what is usual")
    #expect(age(clock(0, [-40, -1, 0]), -40) == 40)
    #expect(clock(0, Array(stride(from: -60.0, through: -6, by: 1))).doubt == nil, "a week without one")
    #expect(clock(0, []).doubt == nil && clock(0, [-900]).doubt == nil)
  }

  /// Three volumes, each with an archive of its own, once a week.
  @Test func aRoundOfBackupsIsOne() {
    let weeks = stride(from: -70.0, through: -7, by: 7).flatMap { [$0, $0 + 0.001, $0 + 0.002] }
    let weekly = clock(0.1, weeks)
    #expect(weekly.doubt == nil && age(weekly, -70) == 70)
  }

  @Test func aClockThatWasSetBackMakesNothingOld() {
    let back = clock(-3000, [-3, -2, -1])
    #expect(age(back, -3) == 0 && age(back, -1) == 0)
  }

  /// A file server keeps its own time; a second clock is a second word.
  @Test func theClockOfTheFilesMustAgree() {
    #expect(clock(0, [-1], files: 0.9).doubt == nil)
    #expect(clock(60, [-1], files: 0).doubt != nil)
    #expect(clock(-60, [-1], files: 0).doubt != nil)
  }

  @Test func whatLiesBetweenTwoBackupsAgesWithThem() {
    let jumped = clock(400, [-30, -20, -10, 0, 400])
    #expect(age(jumped, -5) == 15)
    #expect(age(clock(1, [-30, -20, -10, 0]), -5) == 6)
  }
}
