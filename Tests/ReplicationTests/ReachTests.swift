import GoudCore
import Testing

@testable import Replication

/// Epochs that others name: what is believed, and how nodes that lie far apart come together.
@Suite struct ReachTests {
  private let genesis = BlockID(height: 0, epoch: 0, hash: [0])
  private let beginning = [UInt8](repeating: 7, count: 16)
  private let nonce = [UInt8](repeating: 1, count: 16)
  private let step = EpochReach.standard.step
  private var disk: Disk { Disk(blocks: [genesis]) }
  private var record: StandingRecord { StandingRecord(standing: .member, beginning: beginning, reign: .none) }

  @Test(arguments: Extremes.all) func whatIsBelievedIsHigherAndNeverOverflows(known: UInt64) {
    let reach = EpochReach.standard
    let limit = reach.limit(above: known)
    #expect(limit <= reach.last && (limit > known || known >= reach.last))
    #expect(known >= reach.last || limit - known <= (known < reach.far ? step : 1))
  }

  @Test(arguments: Extremes.all) func aPromiseBeyondWhatIsBelievedEndsTheConnection(number: UInt64) {
    var authority = authority(promised: 5)
    meet(&authority, promised: 5)
    let before = authority.status.epoch
    let refusal = Refusal(.promised, promised: number)
    guard refusal.implausibility == nil else { return }
    let actions = authority.handle(.received(.refusal(refusal), from: Connection(1)), chain: disk)
    let stored = actions.compactMap { if case .persistPromise(let epoch) = $0 { epoch.number } else { nil } }
    if number > before + step {
      #expect(stored.isEmpty && actions.contains(.drop(Connection(1), .malformed)))
      #expect(authority.status.epoch == before)
    } else {
      #expect(stored == (number >= before ? [number + 1] : []))
      #expect(!actions.contains(.drop(Connection(1), .malformed)))
    }
  }

  @Test func anEpochBeyondWhatIsBelievedIsNotPromised() {
    for number in Extremes.all where number > step + 2 {
      var follower = follower(promised: 2)
      let actions = ask(&follower, epoch: number)
      #expect(actions.contains(.drop(Connection(1), .malformed)), "\(number)")
      #expect(!actions.contains { if case .persistPromise = $0 { true } else { false } }, "\(number)")
    }
    var follower = follower(promised: 2)
    #expect(promises(ask(&follower, epoch: 2 + step)))
  }

  @Test func anAuthorityClimbsToAFollowerThatIsFarAhead() throws {
    var authority = authority(promised: 0)
    var follower = follower(promised: 20 * step)
    var toFollower = meet(&authority, promised: 20 * step)
    for _ in 0..<25 {
      guard let open = opening(toFollower) else { throw Violation(description: "\(toFollower)") }
      let answers = follower.handle(.received(.openEpoch(open), from: Connection(1)), chain: disk)
      if promises(answers) { return }
      guard case .reply(let answer, _)? = answers.last else { throw Violation(description: "\(answers)") }
      #expect(answer.implausibility == nil)
      toFollower = authority.handle(.received(answer, from: Connection(1)), chain: disk)
      #expect(!toFollower.contains { if case .drop = $0 { true } else { false } })
    }
    Issue.record("the authority is at \(authority.status.epoch)")
  }

  @Test func aFollowerClimbsToAnAuthorityThatIsFarAhead() {
    var follower = follower(promised: 3)
    let epoch = 5 * EpochReach.standard.climb
    for attempt in 1...10 {
      _ = follower.handle(.connected(Connection(UInt64(attempt))), chain: disk)
      let actions = ask(&follower, epoch: epoch, on: Connection(UInt64(attempt)))
      if promises(actions) {
        #expect(attempt > 4, "in \(attempt) attempts")
        return
      }
    }
    Issue.record("it has not promised")
  }

  /// One that has the epoch raised again and again, and never promises, is let go in the end.
  @Test func aFollowerThatOnlyRaisesIsLetGo() {
    var authority = authority(promised: 5)
    meet(&authority, promised: 5)
    for count in 0...EpochReach.standard.raises {
      let refusal = Refusal(.promised, promised: authority.status.epoch + 3)
      let actions = authority.handle(.received(.refusal(refusal), from: Connection(1)), chain: disk)
      #expect(actions.contains(.drop(Connection(1), .malformed)) == (count == EpochReach.standard.raises))
    }
  }

  /// What no correct node has stored ends no process either.
  @Test(arguments: [UInt64.max, UInt64.max - 1, Bounds.epoch, Bounds.epoch - 1] as [UInt64])
  func aDiskThatHasPromisedTheLastEpochIsReported(number: UInt64) {
    var machine = AuthorityMachine(network: Network(nodes: ["node1"]))
    let state = DurableState(promise: Epoch(number: number, nonce: nonce), standing: record, acknowledged: 0)
    let actions = machine.handle(.started(state, nonce: nonce), chain: disk)
    #expect(actions.contains(.report(.fault(.noEpochLeft(promised: number)))) == (number >= Bounds.epoch))
    var follower = follower(promised: number)
    #expect(!promises(ask(&follower, epoch: 1)))
  }

  /// An authority that takes back, within one epoch, what it has sent: a follower acknowledges what it has.
  @Test func whatGaveWayIsNotAcknowledged() {
    let disk = disk
    var follower = follower(promised: 1)
    _ = ask(&follower, epoch: 2)
    func block(_ height: UInt64, _ hash: UInt8) -> BlockID { BlockID(height: height, epoch: 2, hash: [hash]) }
    func send(_ blocks: [BlockID], after previous: BlockID) {
      let append = Append(epoch: 2, previous: previous, blocks: blocks, acknowledged: 0)
      for action in follower.handle(.received(.append(append), from: Connection(1)), chain: disk) {
        if case .truncate(let height) = action { disk.truncate(above: height) }
        if case .append(let blocks) = action { blocks.forEach(disk.append) }
      }
    }
    send([block(1, 1), block(2, 2), block(3, 3)], after: genesis)
    send([block(2, 9)], after: block(1, 1))
    let told = Acknowledged(epoch: 2, height: 3)
    let actions = follower.handle(.received(.acknowledged(told), from: Connection(1)), chain: disk)
    #expect(actions == [.acknowledge(2)])
    #expect(follower.position(disk).implausibility == nil)
  }

  // MARK: -

  private func authority(promised: UInt64) -> AuthorityMachine {
    var authority = AuthorityMachine(network: Network(nodes: ["node1", "node2", "node3"]))
    let state = DurableState(promise: Epoch(number: promised, nonce: nonce), standing: record, acknowledged: 0)
    _ = authority.handle(.started(state, nonce: nonce), chain: disk)
    return authority
  }

  @discardableResult
  private func meet(_ authority: inout AuthorityMachine, promised: UInt64) -> [Action] {
    let position = Position(
      head: genesis, acknowledged: 0, standing: .member, beginning: beginning, promised: promised)
    let introduction = Introduction(node: "node2", position: position, locator: [genesis])
    return authority.handle(.received(.introduction(introduction), from: Connection(1)), chain: disk)
  }

  private func follower(promised: UInt64) -> FollowerMachine {
    var follower = FollowerMachine(node: "node2")
    let state = DurableState(promise: Epoch(number: promised, nonce: nonce), standing: record, acknowledged: 0)
    _ = follower.handle(.started(state), chain: disk)
    _ = follower.handle(.connected(Connection(1)), chain: disk)
    return follower
  }

  private func ask(
    _ follower: inout FollowerMachine, epoch: UInt64, on connection: Connection = Connection(1)
  ) -> [Action] {
    let open = OpenEpoch(
      epoch: Epoch(number: epoch, nonce: nonce), reign: Epoch(number: 0, nonce: beginning), round: 1,
      standing: .member, beginning: beginning)
    return follower.handle(.received(.openEpoch(open), from: connection), chain: disk)
  }

  private func opening(_ actions: [Action]) -> OpenEpoch? {
    actions.lazy.compactMap { if case .send(.openEpoch(let open), _) = $0 { open } else { nil } }.first
  }

  private func promises(_ actions: [Action]) -> Bool {
    actions.contains { if case .reply(.promise, _) = $0 { true } else { false } }
  }
}
