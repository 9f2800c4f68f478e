import GoudCore
import Replication

/// A running node: its machine over its disk, and what its environment remembers.
final class Process {
  enum Machine {
    case authority(AuthorityMachine)
    case follower(FollowerMachine)
  }

  let node: Int
  let disk: Disk
  var machine: Machine
  var alive = true
  /// What is known of the node outside of its volume.
  let memory: Memory
  /// Acknowledged and checked up to here.
  var checked: UInt64
  /// The authority's: epoch in which entries are accepted, and the fetch under way.
  var accepting: UInt64?
  var fetch: Fetch?
  /// The follower's connection to the authority.
  var wire: Wire?
  /// How often it has let the other end go for what no correct node says.
  var refused: UInt64 = 0
  let name: String

  init(node: Int, disk: Disk, memory: Memory, machine: Machine, name: String) {
    self.node = node
    self.memory = memory
    self.disk = disk
    self.machine = machine
    self.name = name
    checked = disk.acknowledged
  }

  var isAuthority: Bool { node == 0 }
}

/// What is kept of a node outside of its volume, under the rules of `NodeProgress`. It survives every crash.
final class Memory {
  /// As a member the node has told others this much; nil: nothing yet.
  private(set) var told: NodeProgress?
  private var present: NodeProgress?

  /// - Returns: what the node starts from.
  func begin(_ disk: Disk) -> (state: DurableState, forgotten: Forgotten?) {
    let begun = NodeProgress.begin(disk.state, disk, known: told)
    present = begun.progress
    keep()
    return (begun.state, begun.forgotten)
  }

  func note(_ promise: Epoch) {
    present?.promise = promise
    keep()
  }

  func note(_ record: StandingRecord, serial: UInt64) {
    present?.standing = record
    present?.serial = serial
    keep()
  }

  func note(stored block: BlockID) {
    present?.stored = block
    keep()
  }

  func goBack(to block: BlockID) {
    guard let present, present.stored.height > block.height else { return }
    note(stored: block)
  }

  private func keep() {
    if present?.standing.standing == .member { told = present }
  }
}

/// A connection. Each direction delivers in order; a break loses the rest of what is under way.
final class Wire {
  enum Item<Message> {
    case message(Message)
    case closed
  }

  let connection: Connection
  let follower: Process
  let authority: Process
  var toFollower: [Item<AuthorityMessage>] = []
  var toAuthority: [Item<FollowerMessage>] = []
  var followerOpen = true
  var authorityOpen = true

  init(_ connection: Connection, follower: Process, authority: Process) {
    self.connection = connection
    self.follower = follower
    self.authority = authority
  }

  var isDone: Bool { !followerOpen && !authorityOpen }

  /// Each end hears of it when it has received what still arrives.
  func breakOff(_ random: inout Random) {
    toFollower.removeLast(random.below(toFollower.count + 1))
    toAuthority.removeLast(random.below(toAuthority.count + 1))
    toFollower.append(.closed)
    toAuthority.append(.closed)
  }

  /// This end is gone, or has closed in order; the other one hears of it, when it has received everything if `orderly`.
  func close(by process: Process, orderly: Bool, _ random: inout Random) {
    if process === follower {
      guard followerOpen else { return }
      followerOpen = false
      toFollower = []
      if !orderly { toAuthority.removeLast(random.below(toAuthority.count + 1)) }
      toAuthority.append(.closed)
    } else {
      guard authorityOpen else { return }
      authorityOpen = false
      toAuthority = []
      if !orderly { toFollower.removeLast(random.below(toFollower.count + 1)) }
      toFollower.append(.closed)
    }
  }
}
