import GRPCCore
import NIOCore
import Synchronization

/// Who is connected to a node's peer port. Whoever has proven to be a validator has seats of its own, which nobody else
/// can take; all others share a fixed number of places, and lose them to those who come later.
final class PeerSeats: Sendable {
  fileprivate struct Visitor {
    let channel: any Channel
    /// Has sent something, if only a byte.
    var spoke = false
  }

  fileprivate struct Content {
    /// Who has proven nothing yet, in the order in which they came.
    var visitors: [ObjectIdentifier: Visitor] = [:]
    var order: [ObjectIdentifier] = []
    /// By validator, the oldest first.
    var seated: [String: [any Channel]] = [:]
    /// Validators by the two ends of their connections.
    var nodes: [String: String] = [:]
  }

  private let content = Mutex(Content())

  /// A connection came. When there are too many, the one that has been silent for longest is closed, or else the oldest.
  func enter(_ channel: any Channel) {
    let given: (any Channel)? = content.withLock { content in
      content.visitors[ObjectIdentifier(channel)] = Visitor(channel: channel)
      content.order.append(ObjectIdentifier(channel))
      guard content.order.count > PeerLimits.visitors else { return nil }
      let silent = content.order.firstIndex { content.visitors[$0]?.spoke == false }
      return content.visitors.removeValue(forKey: content.order.remove(at: silent ?? 0))?.channel
    }
    given?.close(promise: nil)
  }

  func spoke(_ channel: any Channel) {
    content.withLock { $0.visitors[ObjectIdentifier(channel)]?.spoke = true }
  }

  /// The other end has proven to be `node`. When it has too many connections, its oldest one is closed.
  func seat(_ channel: any Channel, as node: String) {
    let given: (any Channel)? = content.withLock { content in
      content.forget(channel)
      content.nodes[Self.ends(channel)] = node
      var seats = content.seated[node, default: []] + [channel]
      defer { content.seated[node] = seats }
      return seats.count > PeerLimits.seats ? seats.removeFirst() : nil
    }
    given?.close(promise: nil)
  }

  func leave(_ channel: any Channel, ends: String) {
    content.withLock { content in
      content.forget(channel)
      guard let node = content.nodes.removeValue(forKey: ends) else { return }
      content.seated[node]?.removeAll { $0 === channel }
    }
  }

  /// The validator that makes a call. The transport's context tells it by nothing but the two ends of its connection.
  func node(calling context: ServerContext) -> String? {
    content.withLock { $0.nodes["\(context.remotePeer) \(context.localPeer)"] }
  }

  /// As the transport writes them (`ServerContext.remotePeer`, `localPeer`).
  static func ends(_ channel: any Channel) -> String { "\(text(channel.remoteAddress)) \(text(channel.localAddress))" }

  private static func text(_ address: SocketAddress?) -> String {
    switch address {
    case .v4(let four): "ipv4:\(four.host):\(address?.port ?? 0)"
    case .v6(let six): "ipv6:[\(six.host)]:\(address?.port ?? 0)"
    default: "<unknown>"
    }
  }
}

extension PeerSeats.Content {
  fileprivate mutating func forget(_ channel: any Channel) {
    guard visitors.removeValue(forKey: ObjectIdentifier(channel)) != nil else { return }
    order.removeAll { $0 == ObjectIdentifier(channel) }
  }
}
