import GoudCore
import Hummingbird
import Replication

extension NodeHTTP {
  var healthRoutes: [Route] {
    [
      Route("/health") { _, _ in
        let status = service.status
        let down = [.corrupt, .failed, .starting].contains(status.condition)
        return try Answer.json(HealthBody(status), status: down ? .serviceUnavailable : .ok)
      },
      Route("/health/ready") { _, _ in
        let status = service.status
        return try Answer.json(
          ReadyBody(ready: status.ready, status: status.condition, reason: status.reason),
          status: status.ready ? .ok : .serviceUnavailable)
      },
      Route("/health/live") { _, _ in try Answer.json(["live": true]) },
      Route("/peers") { _, _ in try Answer.json(PeersBody(service.status)) },
    ]
  }
}

private struct ReadyBody: Encodable {
  let ready: Bool
  let status: NodeStatus.Condition
  let reason: String?
}

/// A block's place, as JSON shows it.
struct HeadBody: Encodable {
  let height: UInt64
  let epoch: UInt64
  let hash: String
  let time: String

  init(_ head: NodeStatus.Head) {
    height = head.height
    epoch = head.epoch
    hash = Hex.text(head.hash)
    time = Timestamp.text(milliseconds: head.time)
  }
}

struct HealthBody: Encodable {
  let status: NodeStatus.Condition
  let ready: Bool
  let live = true
  let reason: String?
  let nodeId: String
  let role: NodeStatus.Role
  let standing: String
  let chainId: String?
  let schemaVersion: UInt32?
  /// Acknowledged blocks, genesis included.
  let chainLength: UInt64
  /// Height of the newest acknowledged block.
  let latestBlock: UInt64?
  let head: HeadBody?
  let acknowledged: HeadBody?
  let peerCount: Int
  let atRisk: Bool
  let version = Release.version

  init(_ status: NodeStatus) {
    self.status = status.condition
    ready = status.ready
    reason = status.reason
    nodeId = status.node
    role = status.role
    standing = status.standing.rawValue
    chainId = status.chain.map(Hex.text)
    schemaVersion = status.schemaVersion
    chainLength = status.acknowledged.map { $0.height + 1 } ?? 0
    latestBlock = status.acknowledged?.height
    head = status.head.map(HeadBody.init)
    acknowledged = status.acknowledged.map(HeadBody.init)
    peerCount = status.connectedPeers
    atRisk = status.atRisk
  }
}

struct PeersBody: Encodable {
  struct Peer: Encodable {
    let name: String
    let address: String?
    let connected: Bool
    let standing: String?
    let head: UInt64?
    let acknowledged: UInt64?
    /// Blocks behind this node's newest acknowledged one.
    let lag: UInt64?
    let note: String?
  }

  let nodeId: String
  let role: NodeStatus.Role
  let peers: [Peer]

  init(_ status: NodeStatus) {
    nodeId = status.node
    role = status.role
    let height = status.acknowledged?.height ?? 0
    peers = status.peers.map { peer in
      Peer(
        name: peer.name, address: peer.address, connected: peer.connected, standing: peer.standing?.rawValue,
        head: peer.head, acknowledged: peer.acknowledged, lag: peer.head.map { height > $0 ? height - $0 : 0 },
        note: peer.note)
    }
  }
}
