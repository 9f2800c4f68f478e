import Chain
import GoudCore
import Replication
import Synchronization

@testable import Node

/// A network of validators that only know how to meet each other.
struct Meeting {
  let keys: [String: ValidatorKey]
  let genesis: Genesis
  let block: Block

  init(_ names: [String] = ["node1", "node2", "node3"], keys known: [String: ValidatorKey] = [:]) {
    let keys = Dictionary(uniqueKeysWithValues: names.map { ($0, known[$0] ?? ValidatorKey.generate()) })
    self.keys = keys
    // What a test lays out itself is known to be right.
    genesis = try! Genesis(
      network: "test", validators: names.map { .init(name: $0, publicKey: keys[$0]!.publicKey) })
    block = try! genesis.block(key: keys[names[0]]!, time: 1)
  }

  var chain: [UInt8] { block.hash.bytes }

  func identity(_ name: String, genesis: Genesis? = nil, chain: BlockHash? = nil, key: ValidatorKey? = nil)
    -> NodeIdentity
  {
    NodeIdentity(
      name: name, genesis: genesis ?? self.genesis, chain: chain ?? block.hash, key: key ?? keys[name]!)
  }

  /// Connects to `node1` as another of its validators.
  func call<Result: Sendable>(
    _ address: HostPort, as name: String = "node2", _ body: (PeerConnection.Client) async throws -> Result
  ) async throws -> Result {
    try await PeerConnection.with(PeerAddress(name: "node1", address: address), as: identity(name), body)
  }

  var origin: BlockID { block.reference.id }
  var position: Position {
    Position(head: origin, acknowledged: 0, standing: .member, beginning: [], promised: 0)
  }
}

/// Both hosts at once: records what is said, and answers with what the test has laid out.
final class StubHost: PeerHost, AuthorityHost {
  struct Record {
    var followers: [FollowerLink] = []
    var said: [FollowerMessage] = []
    var heard: [AuthorityMessage] = []
    var blocks: [SentBlocks] = []
    var entries: [[UInt8]] = []
    var turnedDown: [TurnedDown] = []
    var authority: AuthorityLink?
    var gone = 0
    var inspections = 0
  }

  let record = Mutex(Record())
  let meeting: Meeting
  let name: String
  let blocks: [[UInt8]]
  /// What is said to an entry that is turned down.
  let objection: @Sendable ([UInt8]) -> GoudError?

  init(
    _ meeting: Meeting, _ name: String = "node2", blocks: [[UInt8]] = [],
    objection: @escaping @Sendable ([UInt8]) -> GoudError? = { _ in nil }
  ) {
    self.meeting = meeting
    self.name = name
    self.blocks = blocks
    self.objection = objection
  }

  func followerConnected(_ link: FollowerLink) throws {
    record.withLock { $0.followers.append(link) }
    let nonce = [UInt8](repeating: 9, count: 16)
    try link.send(
      .openEpoch(
        OpenEpoch(
          epoch: Epoch(number: 3, nonce: nonce), reign: Epoch(number: 3, nonce: nonce), round: 1, standing: .member,
          beginning: [])))
  }

  func followerSaid(_ message: FollowerMessage, on link: FollowerLink) {
    record.withLock { $0.said.append(message) }
  }
  func followerGone(_ link: FollowerLink) { record.withLock { $0.gone += 1 } }
  func inspect(_ heights: [UInt64]) -> (Position, [BlockID]) {
    record.withLock { $0.inspections += 1 }
    return (meeting.position, [meeting.origin])
  }
  func blocks(from height: UInt64, limit: Int) -> [[UInt8]] { Array(blocks.dropFirst(Int(height)).prefix(limit)) }
  func followerSubmitted(_ entries: [[UInt8]], on link: FollowerLink) {
    record.withLock { $0.entries += entries }
    for entry in entries {
      if let error = objection(entry) { link.turnDown(entry, error) }
    }
  }

  func authorityConnected(_ link: AuthorityLink) throws {
    record.withLock { $0.authority = link }
    try link.send(
      .introduction(Introduction(node: name, position: meeting.position, locator: [meeting.origin])))
  }

  func authoritySaid(_ message: AuthorityMessage, on link: AuthorityLink) {
    record.withLock { $0.heard.append(message) }
  }
  func authoritySent(_ blocks: SentBlocks, on link: AuthorityLink) { record.withLock { $0.blocks.append(blocks) } }
  func authorityTurnedDown(_ entries: TurnedDown, on link: AuthorityLink) {
    record.withLock { $0.turnedDown.append(entries) }
  }
  func authorityGone(_ link: AuthorityLink) { record.withLock { $0.gone += 1 } }
}

/// A peer server of `node1`, the authority, for the time of a closure.
func withPeerServer(
  _ identity: NodeIdentity, _ host: StubHost,
  _ body: @Sendable @escaping (HostPort, PeerBook) async throws -> Void
) async throws {
  let book = PeerBook(peers: identity.validators.filter { $0 != identity.name })
  let socket = try ListeningSocket(HostPort(host: "127.0.0.1", port: 0))
  let address = socket.address
  let server = PeerServer(PeerService(identity: identity, host: host, book: book), on: socket)
  try await race({ try await server.run() }, { try await body(address, book) })
}
