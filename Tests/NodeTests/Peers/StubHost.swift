import Crypto
import GoudCore
import Replication
import Synchronization

@testable import Node

/// A network of validators that only know how to meet each other.
struct Meeting {
  let keys: [String: Curve25519.Signing.PrivateKey]
  let chain: [UInt8]
  let names: [String]

  init(_ names: [String] = ["node1", "node2", "node3"], chain: UInt8 = 7) {
    self.names = names
    self.chain = [UInt8](repeating: chain, count: 32)
    keys = Dictionary(uniqueKeysWithValues: names.map { ($0, Curve25519.Signing.PrivateKey()) })
  }

  func identity(
    _ name: String, schema: UInt32 = 1, chain: [UInt8]? = nil, key: Curve25519.Signing.PrivateKey? = nil
  ) -> NodeIdentity {
    NodeIdentity(
      name: name, chain: chain ?? self.chain, schemaVersion: schema,
      validators: names.map { .init(name: $0, publicKey: Array(keys[$0]!.publicKey.rawRepresentation)) },
      key: key ?? keys[name]!)
  }

  var genesis: BlockID { BlockID(height: 0, epoch: 0, hash: chain) }
  var position: Position {
    Position(head: genesis, acknowledged: 0, standing: .member, beginning: [], promised: 0)
  }
}

/// Both hosts at once: records what is said, and answers with what the test has laid out.
final class StubHost: PeerHost, AuthorityHost {
  struct Record {
    var followers: [FollowerLink] = []
    var said: [FollowerSaid] = []
    var heard: [AuthoritySaid] = []
    var authority: AuthorityLink?
    var gone = 0
  }

  let record = Mutex(Record())
  let meeting: Meeting
  let blocks: [[UInt8]]
  let answer: @Sendable ([UInt8], String) throws -> EntryPlace

  init(
    _ meeting: Meeting, blocks: [[UInt8]] = [],
    answer: @escaping @Sendable ([UInt8], String) throws -> EntryPlace = { _, _ in
      throw GoudError(.nodeNoMajority, "nobody is here", hint: "start node2")
    }
  ) {
    self.meeting = meeting
    self.blocks = blocks
    self.answer = answer
  }

  func followerConnected(_ link: FollowerLink) {
    record.withLock { $0.followers.append(link) }
    link.send(.openEpoch(Epoch(number: 3, nonce: [UInt8](repeating: 9, count: 16))))
  }

  func followerSaid(_ said: FollowerSaid, on link: FollowerLink) { record.withLock { $0.said.append(said) } }
  func followerGone(_ link: FollowerLink) { record.withLock { $0.gone += 1 } }
  func inspect(_ heights: [UInt64]) -> (Position, [BlockID]) { (meeting.position, [meeting.genesis]) }
  func blocks(from height: UInt64, limit: Int) -> [[UInt8]] { Array(blocks.dropFirst(Int(height)).prefix(limit)) }
  func submit(_ entry: [UInt8], from node: String) throws -> EntryPlace { try answer(entry, node) }

  func introduction() -> (Position, locator: [BlockID]) { (meeting.position, [meeting.genesis]) }
  func authorityConnected(_ link: AuthorityLink) { record.withLock { $0.authority = link } }
  func authoritySaid(_ said: AuthoritySaid, on link: AuthorityLink) { record.withLock { $0.heard.append(said) } }
  func authorityGone(_ link: AuthorityLink) { record.withLock { $0.gone += 1 } }
}

/// A peer server of `node1`, the authority, for the time of a closure.
func withPeerServer(
  _ identity: NodeIdentity, _ host: StubHost,
  _ body: @Sendable @escaping (HostPort, PeerBook) async throws -> Void
) async throws {
  let book = PeerBook(peers: identity.validators.map(\.name).filter { $0 != identity.name })
  let socket = try ListeningSocket(HostPort(host: "127.0.0.1", port: 0))
  let address = socket.address
  let server = PeerServer(PeerService(identity: identity, host: host, book: book), on: socket)
  try await race({ try await server.run() }, { try await body(address, book) })
}
