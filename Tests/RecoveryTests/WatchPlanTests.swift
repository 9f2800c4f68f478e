import Testing

@testable import Backup

/// What a watch does when, as transcripts: moment and event → actions. Commits are due every 60 s, and 100 bytes are kept.
@Suite struct WatchPlanTests {
  private struct Step {
    let moment: Double
    let event: WatchPlan.Event
    let actions: [WatchPlan.Action]

    init(_ moment: Double, _ event: WatchPlan.Event, _ actions: WatchPlan.Action...) {
      (self.moment, self.event, self.actions) = (moment, event, actions)
    }
  }

  private static let first: [Step] = [
    Step(0, .tick, .commit(why: "there is none yet")), Step(1, .tick), Step(2, .committed),
  ]

  private func play(_ steps: [Step], _ line: SourceLocation = #_sourceLocation) -> WatchPlan {
    var plan = WatchPlan(interval: 60, bound: 100)
    for (index, step) in steps.enumerated() {
      let actions = plan.take(step.event, at: step.moment)
      #expect(
        actions == step.actions, "step \(index): \(step.event) at \(step.moment)", sourceLocation: line)
    }
    return plan
  }

  @Test func theFirstTickCommitsAndNothingIsLookedAtBefore() {
    let plan = play(Self.first)
    #expect(plan.isWhole && !plan.isCommitting)
  }

  @Test func whatGrewIsStoredAtOnceAndWhatDidNotIsNot() {
    let plan = play(
      Self.first + [
        Step(3, .tick, .look), Step(3, .grown(bytes: 10), .store), Step(3, .stored, .reached),
        Step(4, .tick, .look), Step(4, .grown(bytes: 0), .reached),
      ])
    #expect(plan.kept == 0)
  }

  @Test func aCommitIsDueAfterItsIntervalAndTicksGoOnWhileItRuns() {
    let plan = play(
      Self.first + [
        Step(59.9, .tick, .look), Step(59.9, .grown(bytes: 0), .reached),
        Step(60, .tick, .look, .commit(why: "it is due")), Step(60, .grown(bytes: 10), .store),
        Step(60, .stored, .reached),
        Step(61, .tick, .look), Step(61, .grown(bytes: 10), .store), Step(61, .stored, .reached),
        Step(62, .committed), Step(63, .tick, .look),
        Step(119.9, .tick, .look), Step(120, .tick, .look, .commit(why: "it is due")),
      ])
    #expect(plan.isCommitting && plan.isWhole)
  }

  @Test func aLossCommitsAtOnceAndNothingIsLookedAtUntilThen() {
    let plan = play(
      Self.first + [
        Step(10, .tick, .look), Step(10, .lost(why: "a gap"), .forget, .commit(why: "a gap")),
        Step(11, .tick), Step(12, .committed), Step(13, .tick, .look),
      ])
    #expect(plan.isWhole)
  }

  @Test func afterALossThatFollowsACommitHalfOfTheTimeIsLeftToTheNodes() {
    // The one before took 8 seconds.
    _ = play([
      Step(0, .tick, .commit(why: "there is none yet")), Step(8, .committed),
      Step(9, .tick, .look), Step(9, .lost(why: "a gap"), .forget),
      Step(15.9, .tick), Step(16, .tick, .commit(why: "a gap")),
    ])
  }

  @Test func aShortCommitIsFollowedByASecondAtLeast() {
    _ = play([
      Step(0, .tick, .commit(why: "there is none yet")), Step(0.1, .committed),
      Step(0.2, .tick, .look), Step(0.2, .lost(why: "a gap"), .forget),
      Step(1, .tick), Step(1.1, .tick, .commit(why: "a gap")),
    ])
  }

  @Test func aLossWhileACommitRunsIsMendedByThatCommit() {
    let plan = play(
      Self.first + [
        Step(60, .tick, .look, .commit(why: "it is due")), Step(60, .lost(why: "a gap"), .forget),
        Step(61, .tick), Step(62, .committed), Step(63, .tick, .look),
      ])
    #expect(plan.isWhole)
  }

  @Test func whileTheStoreIsAwayWhatGrewIsKeptAndTriedAtEachTick() {
    let plan = play(
      Self.first + [
        Step(3, .tick, .look), Step(3, .grown(bytes: 40), .store), Step(3, .notStored),
        Step(4, .tick, .look), Step(4, .grown(bytes: 60), .store), Step(4, .notStored),
        // Nothing new is no reason to wait with what is kept.
        Step(5, .tick, .look), Step(5, .grown(bytes: 0), .store), Step(5, .stored, .reached),
      ])
    #expect(plan.kept == 0 && plan.isWhole)
  }

  /// What goes is not stored, however little is kept then.
  @Test func beyondTheBoundWhatIsKeptGoesAndACommitTakesItsPlace() {
    let plan = play(
      Self.first + [
        Step(3, .tick, .look), Step(3, .grown(bytes: 100), .store), Step(3, .notStored),
        Step(4, .tick, .look),
        Step(4, .grown(bytes: 1), .forget, .commit(why: "the store was away for too long")),
        Step(5, .tick),
      ])
    #expect(plan.kept == 0 && !plan.isWhole)
  }

  @Test func commitsThatFailComeLaterEachTimeAMinuteAtMost() {
    var steps = [Step(0, .tick, .commit(why: "there is none yet"))]
    var now = 1.0
    for pause in [5.0, 10, 20, 40, 60, 60, 60] {
      steps += [
        Step(now, .notCommitted), Step(now + pause - 0.1, .tick),
        Step(now + pause, .tick, .commit(why: "the last one failed")),
      ]
      now += pause + 1
    }
    steps += [Step(now, .committed), Step(now + 0.5, .tick, .look), Step(now + 0.5, .lost(why: "a gap"), .forget)]
    // It succeeded: the next pause is that of a commit of one second.
    steps += [Step(now + 0.9, .tick), Step(now + 1, .tick, .commit(why: "a gap"))]
    _ = play(steps)
  }

  @Test func aCommitThatFailsLeavesTheTailOfTheOneBefore() {
    let plan = play(
      Self.first + [
        Step(60, .tick, .look, .commit(why: "it is due")), Step(61, .notCommitted),
        Step(62, .tick, .look), Step(62, .grown(bytes: 10), .store), Step(62, .stored, .reached),
      ])
    #expect(plan.isWhole)
  }

  @Test func aLossWhileCommitsFailIsStillTheirReason() {
    _ = play(
      Self.first + [
        Step(10, .tick, .look), Step(10, .lost(why: "a gap"), .forget, .commit(why: "a gap")),
        Step(11, .notCommitted), Step(12, .tick), Step(16, .tick, .commit(why: "the last one failed")),
      ])
  }

  @Test func whatIsKeptAcrossACommitIsForgottenForItIsInIt() {
    let plan = play(
      Self.first + [
        Step(60, .tick, .look, .commit(why: "it is due")), Step(60, .grown(bytes: 10), .store), Step(60, .notStored),
        Step(62, .committed), Step(63, .tick, .look), Step(63, .grown(bytes: 0), .reached),
      ])
    #expect(plan.kept == 0)
  }
}
