import Foundation
import Testing
import Volumes

@testable import Backup

/// What a watch makes of a clock that somebody sets.
@Suite struct WatchClockTests {
  private static let start = Date(timeIntervalSince1970: 1_790_000_000)

  /// Each look: what the wall shows, and what the steady clock does.
  private func steps(_ looks: [(wall: Double, steady: Double)]) -> [ClockSteps.Step?] {
    var clock = ClockSteps()
    return looks.map { clock.look(wall: Self.start.addingTimeInterval($0.wall), steady: $0.steady) }
  }

  private func step(_ seconds: Double, last: Double) -> ClockSteps.Step {
    .init(seconds: seconds, last: Self.start.addingTimeInterval(last))
  }

  @Test func aClockThatGoesIsNotTakenForOneThatWasSet() {
    // One that is corrected a little at a time, ticks that take long, and a machine that slept.
    #expect(steps([(0, 5), (1, 6), (1.9, 7), (31, 37), (90, 97), (90_000, 90_007)]) == [nil, nil, nil, nil, nil, nil])
  }

  @Test func eachStepIsSeenOnceAndByHowMuch() {
    #expect(
      steps([(0, 0), (3601, 1), (3602, 2), (3, 3), (4, 4)])
        == [nil, step(3600, last: 3600), nil, step(-3600, last: 2), nil])
  }

  @Test func whatAWatchSaidUnderAClockThatWasAheadIsNoComfort() {
    var status = WatchStatus(repository: "r", process: 1, volumes: ["v"], started: Self.start, noted: Self.start)
    status.safe = Self.start
    #expect(status.finding(now: Self.start.addingTimeInterval(1))?.level == .ok)
    // Other machines' clocks differ a little.
    #expect(status.finding(now: Self.start.addingTimeInterval(-200))?.level == .ok)
    for ahead in [400, 31_536_000] as [Double] {
      let finding = status.finding(now: Self.start.addingTimeInterval(-ahead))
      #expect(finding?.level == (ahead > 600 ? .critical : .warning))
      #expect(finding?.message.contains("ahead") == true)
      #expect(status.secondsAtRisk(now: Self.start.addingTimeInterval(-ahead)) == ahead)
    }
  }
}
