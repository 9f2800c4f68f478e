public import Chain
import GoudCore
import Replication
import Synchronization

/// What the HTTP side asks, answered by the node that keeps the chain now.
extension NodeHost: ChainService {
  public var ledger: Ledger { get throws { try core.ledger } }

  public func submit(_ entry: Entry, before deadline: ContinuousClock.Instant) async throws -> EntryPlace {
    try await core.submit(entry, before: deadline)
  }

  private var network: Network { Network(nodes: identity.validators, acknowledgements: settings.writeAcks) }

  public var status: NodeStatus {
    let role: NodeStatus.Role = identity.isAuthority ? .authority : .follower
    var status = NodeStatus(
      node: identity.name, role: role, condition: .starting, standing: .rejoining, chain: identity.chain,
      schemaVersion: identity.schemaVersion, peers: knownPeers,
      atRisk: network.acknowledgements < network.majority)
    do {
      let core = try core
      status.standing = core.position?.standing ?? .rejoining
      (status.head, status.acknowledged) = try Self.heads(core.ledger)
      (status.condition, status.reason) = core.condition
      status.behind = core.behind
      if status.condition == .healthy, let shortage = core.shortage {
        (status.condition, status.reason) = (.degraded, shortage.message)
      }
      status.peers = core.complete(status.peers)
    } catch {
      (status.condition, status.reason) = (.starting, "\(error)".firstLine)
    }
    if let failure { (status.condition, status.reason) = (failure.condition, failure.error.message) }
    return status
  }

  private static func heads(_ ledger: Ledger) throws -> (NodeStatus.Head, NodeStatus.Head?) {
    let head = ledger.head
    let acknowledged = ledger.acknowledged
    let reference = acknowledged == head.height ? head : try ledger.reference(at: acknowledged)
    return (NodeStatus.Head(head), reference.map(NodeStatus.Head.init))
  }

  /// As the book has them, in genesis' order.
  private var knownPeers: [NodeStatus.Peer] {
    identity.validators.filter { $0 != identity.name }.map { name in
      let page = book[name]
      return NodeStatus.Peer(
        name: name, address: settings.peers.first { $0.name == name }?.address.description,
        connected: page?.connected ?? false, standing: page?.position?.standing, head: page?.position?.head.height,
        acknowledged: page?.position?.acknowledged, note: page.flatMap(Self.note))
    }
  }

  private static func note(_ page: PeerBook.Page) -> String? {
    if let fault = page.fault, !fault.code.isAbsence { return fault.description }
    if let offset = page.clockOffset, abs(offset) > PeerLimits.clockTolerance.inSeconds {
      return "its clock is \(Int(abs(offset).rounded())) s \(offset > 0 ? "ahead of" : "behind") this node's"
    }
    return page.fault?.description
  }
}

extension NodeStatus.Head {
  init(_ block: BlockReference) {
    self.init(height: block.height, epoch: block.epoch, hash: block.hash.bytes, time: block.time)
  }
}

extension NodeFailure {
  var condition: NodeStatus.Condition {
    switch kind {
    case .corrupt, .chain: .corrupt
    case .disk: .failed
    }
  }
}

extension NodeCore {
  /// A follower that is behind by more blocks is catching up.
  static let lagTolerance: UInt64 = 256

  /// While the engine runs.
  var condition: (NodeStatus.Condition, String?) {
    switch engine {
    case .authority(let engine):
      guard let status = engine.shown.withLock({ $0.status }) else { return (.starting, nil) }
      guard let waiting = status.waiting else { return (.healthy, nil) }
      let reason = waiting.error(status, authority: identity.name).message + whatIsMissing(status.standing)
      if case .catchingUp = waiting { return (.syncing, reason) }
      return (.degraded, reason)
    case .follower(let engine):
      guard let status = engine.shown.withLock({ $0.status }) else { return (.starting, nil) }
      return follower(status)
    }
  }

  private func follower(_ status: FollowerStatus) -> (NodeStatus.Condition, String?) {
    if let fault = status.fault { return (.degraded, fault.text) }
    let page = book[identity.authority]
    guard status.following else {
      let why = page?.fault.map { ": \($0)" } ?? ""
      return (.degraded, "not following \(identity.authority)\(why)")
    }
    guard let behind = behind(status) else { return (.syncing, "\(identity.authority) has not told yet how far it is") }
    if status.standing.standing == .rejoining {
      return (.syncing, "rejoining, \(behind) blocks behind\(whatIsMissing(status.standing))")
    }
    return behind > Self.lagTolerance ? (.syncing, "\(behind) blocks behind") : (.healthy, nil)
  }

  /// See `NodeStatus.behind`.
  var behind: UInt64? {
    switch engine {
    case .authority(let engine): engine.shown.withLock { $0.status }.flatMap { $0.waiting == nil ? 0 : nil }
    case .follower(let engine): engine.shown.withLock { $0.status }.flatMap(behind)
    }
  }

  private func behind(_ status: FollowerStatus) -> UInt64? {
    guard let announced = status.announced else { return nil }
    let ahead = max(announced, book[identity.authority]?.position?.acknowledged ?? 0)
    return ahead > status.acknowledged ? ahead - status.acknowledged : 0
  }

  /// Why a volume that was an old copy does not count.
  private func whatIsMissing(_ record: StandingRecord) -> String {
    let forgotten =
      switch engine {
      case .authority(let engine): engine.shown.withLock { $0.forgotten }
      case .follower(let engine): engine.shown.withLock { $0.forgotten }
      }
    guard record.standing == .rejoining, let forgotten else { return "" }
    return "; the volume is an old copy: \(forgotten.text)"
  }

  /// What the engine knows of its peers besides the book.
  func complete(_ peers: [NodeStatus.Peer]) -> [NodeStatus.Peer] {
    guard case .authority(let engine) = engine, let status = engine.shown.withLock({ $0.status }) else { return peers }
    return peers.map { peer in
      guard let follower = status.followers.first(where: { $0.node == peer.name }) else { return peer }
      var peer = peer
      peer.connected = follower.connected
      peer.standing = follower.position?.standing ?? peer.standing
      peer.head = follower.stored ?? follower.position?.head.height ?? peer.head
      peer.acknowledged = follower.position?.acknowledged ?? peer.acknowledged
      peer.note = follower.setApart?.text(peer.name) ?? follower.refusal?.reason ?? peer.note
      return peer
    }
  }
}
