import Foundation
import GoudCore
import Replication

extension NodeStatus {
  /// Seconds since the newest acknowledged block was made; 0 when its time lies ahead of this machine's.
  func headAge(at now: UInt64 = Timestamp.now()) -> Double? {
    acknowledged.map { now > $0.time ? Double(now - $0.time) / 1000 : 0 }
  }

  func write(to exposition: inout Exposition) {
    exposition.gauge("goud_node_ready", "1: what is read here is complete.", ready ? 1 : 0)
    exposition.family("goud_node_status", .gauge, "1 for what the node is, 0 for what it is not.") { family in
      for one in Condition.allCases { family.sample(one == condition ? 1 : 0, ["status": one.rawValue]) }
    }
    exposition.gauge("goud_node_authority", "1: this node makes the blocks.", role == .authority ? 1 : 0)
    exposition.gauge("goud_node_member", "1: this node's disk counts; 0: it is rejoining.", standing == .member ? 1 : 0)
    exposition.gauge("goud_node_at_risk", "1: acknowledged without a majority (WRITE_ACKS).", atRisk ? 1 : 0)
    writeChain(to: &exposition)
    writePeers(to: &exposition)
  }

  private func writeChain(to exposition: inout Exposition) {
    exposition.gauge(
      "goud_chain_length", "Acknowledged blocks, genesis included.", acknowledged.map { Double($0.height) + 1 })
    exposition.gauge(
      "goud_chain_acknowledged_height", "Height of the newest acknowledged block.",
      acknowledged.map { Double($0.height) })
    exposition.gauge(
      "goud_chain_head_height", "Height of the newest block on this disk.", head.map { Double($0.height) })
    exposition.gauge("goud_chain_epoch", "Epoch of the newest block on this disk.", head.map { Double($0.epoch) })
    exposition.gauge("goud_chain_head_age_seconds", "Since the newest acknowledged block was made.", headAge())
  }

  private func writePeers(to exposition: inout Exposition) {
    exposition.gauge("goud_peers", "Other nodes of the network.", Double(peers.count))
    exposition.gauge("goud_peers_connected", "Those that are connected.", Double(connectedPeers))
    exposition.family("goud_peer_connected", .gauge, "1: connected.") { family in
      for peer in peers { family.sample(peer.connected ? 1 : 0, ["peer": peer.name]) }
    }
    exposition.family("goud_peer_head_height", .gauge, "Height of the newest block that a peer says it has.") {
      family in
      for peer in peers { peer.head.map { family.sample(Double($0), ["peer": peer.name]) } }
    }
  }
}
