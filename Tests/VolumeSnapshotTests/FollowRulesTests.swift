import Testing

@testable import VolumeSnapshot

/// What may be concluded from logs and `MANIFEST`, as transcripts: what was seen → nothing is lost, or why.
@Suite struct FollowRulesTests {
  /// Behind a snapshot that ends at number 10.
  private var rules = FollowRules(after: 10)

  private static func log(
    _ number: UInt64 = 5, goesOn: Bool = false, _ first: UInt64?, _ next: UInt64?, hasGap: Bool = false
  ) -> FollowRules.Growth {
    .init(number: number, goesOn: goesOn, first: first, next: next, hasGap: hasGap)
  }

  private static func changes(_ lastSequence: UInt64 = 0) -> FollowRules.Changes {
    FollowRules.Changes(lastSequence: lastSequence)
  }

  // MARK: Nothing is lost

  @Test mutating func nothingSeenIsNothingLost() {
    #expect(rules.take(.init(), []) == nil)
    #expect(rules.newest == 10)
  }

  @Test mutating func theSnapshotsLogGoesOnToItsLastRecord() {
    // Its first record is one of before the snapshot.
    #expect(rules.take(.init(), [Self.log(goesOn: true, 1, 21)]) == nil)
    #expect(rules.newest == 20)
  }

  @Test mutating func newLogsFollowEachOther() {
    #expect(rules.take(.init(), [Self.log(goesOn: true, 1, 21), Self.log(8, 21, 30), Self.log(9, 30, 31)]) == nil)
    #expect(rules.take(.init(), [Self.log(9, goesOn: true, 30, 40), Self.log(12, 40, 41)]) == nil)
    #expect(rules.newest == 40)
  }

  @Test mutating func aFlushOfWhatTheLogsHeldIsNoLoss() {
    #expect(rules.take(Self.changes(20), [Self.log(goesOn: true, 1, 21)]) == nil)
    // Later records of the MANIFEST name what was seen long ago.
    #expect(rules.take(Self.changes(15), []) == nil)
  }

  // MARK: Something is

  @Test mutating func aNewLogThatBeginsLaterIsAGap() {
    #expect(rules.take(.init(), [Self.log(8, 12, 13)]) == .gap(log: 8))
  }

  @Test mutating func aNewLogThatBeginsAgainIsAGap() {
    #expect(rules.take(.init(), [Self.log(8, 10, 13)]) == .gap(log: 8))
  }

  @Test mutating func aLogBetweenTwoThatWasNotSeenIsAGap() {
    #expect(rules.take(.init(), [Self.log(goesOn: true, 1, 21), Self.log(9, 22, 23)]) == .gap(log: 9))
  }

  @Test mutating func aGapWithinALogIsOne() {
    #expect(rules.take(.init(), [Self.log(goesOn: true, 1, 21, hasGap: true)]) == .gap(log: 5))
  }

  @Test mutating func numbersInTablesThatNoLogHadAreUnlogged() {
    #expect(rules.take(Self.changes(21), [Self.log(goesOn: true, 1, 21)]) == .unlogged(upTo: 21, seen: 20))
    var idle = FollowRules(after: 10)
    #expect(idle.take(Self.changes(11), []) == .unlogged(upTo: 11, seen: 10))
  }

  @Test mutating func compressedRecordsHideTheirNumbers() {
    #expect(rules.take(.init(), [Self.log(goesOn: true, nil, nil)]) == .compressed)
  }

  @Test(arguments: [FollowRules.Loss.families, .ingested, .dropped])
  func whatTheManifestSaysEndsItWhateverTheLogsHold(_ loss: FollowRules.Loss) {
    var changes = FollowRules.Changes()
    switch loss {
    case .families: changes.familiesChanged = true
    case .ingested: changes.ingested = true
    default: changes.dropped = true
    }
    var rules = FollowRules(after: 10)
    #expect(rules.take(changes, [Self.log(goesOn: true, 1, 21)]) == loss)
  }

  @Test func everyReasonReadsBehindBecause() {
    let reasons: [FollowRules.Loss] = [
      .families, .ingested, .dropped, .compressed, .gap(log: 7), .unlogged(upTo: 9, seen: 8),
    ]
    #expect(Set(reasons.map(\.description)).count == reasons.count)
    #expect(FollowRules.Loss.gap(log: 7).description.contains("log 7"))
    #expect(
      FollowRules.Loss.unlogged(upTo: 9, seen: 8).description
        == "writes up to 9 are in tables, and logs were seen up to 8")
  }
}
