import GRPCCore

/// Why a peer was dropped. It goes to that peer as a `Refusal`, and into `/peers` and `/health` of this node.
public struct PeerFault: Error, Hashable, Sendable, CustomStringConvertible {
  /// Stable names; docs/replication.md lists them.
  public enum Code: String, Sendable, CaseIterable {
    /// It follows, or was founded as, another chain.
    case otherChain = "peer.other-chain"
    case otherSchema = "peer.other-schema"
    /// Its name is not among genesis' validators.
    case unknownNode = "peer.unknown-node"
    /// A signature of the handshake is not that validator's.
    case notAuthentic = "peer.not-authentic"
    /// A message that no correct node sends.
    case malformed = "peer.malformed"
    case tooLarge = "peer.too-large"
    /// Blocks that do not stand on each other, or on what this node has.
    case outOfOrder = "peer.out-of-order"
    case badBlock = "peer.bad-block"
    /// Nothing came for longer than it may.
    case silent = "peer.silent"
    /// It did not take what it was sent for longer than it may.
    case slow = "peer.slow"
    /// Asked to lead what it does not lead, or to serve what it does not have.
    case wrongRole = "peer.wrong-role"
    /// No connection, or it broke.
    case unreachable = "peer.unreachable"
    /// The protocol's own decisions (docs/replication.md): another beginning, a lower epoch, acknowledged blocks that differ.
    case refused = "peer.refused"
    /// This node cannot answer now: it is stopping, or its database has failed.
    case unavailable = "peer.unavailable"
  }

  public let code: Code
  /// One line in lower case.
  public let reason: String

  public init(_ code: Code, _ reason: String) {
    self.code = code
    self.reason = reason
  }

  public var description: String { "\(code.rawValue): \(reason)" }

  /// What the other side said when it ended a stream.
  init(refusedBy refusal: PeerRefusal) {
    self.init(Code(rawValue: refusal.code) ?? .refused, "refused by it: \(refusal.reason)")
  }

  /// What a failed call says. The transport's codes decide, never its words.
  init(_ error: any Error) {
    switch error {
    case let fault as PeerFault: self = fault
    case let error as RPCError where error.code == .resourceExhausted: self.init(.tooLarge, error.message)
    case let error as RPCError where error.code == .deadlineExceeded: self.init(.silent, "no answer in time")
    case let error as RPCError: self.init(.unreachable, error.message.firstLine)
    case is CancellationError: self.init(.unavailable, "stopped")
    default: self.init(.unreachable, "\(error)".firstLine)
    }
  }
}

extension String {
  /// At most 200 characters: what a peer says ends up in a status page.
  var firstLine: String { String(prefix { !$0.isNewline }.prefix(200)) }
}
