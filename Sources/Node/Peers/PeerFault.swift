import GRPCCore
public import Replication

/// Why a peer was dropped. It goes to that peer as a `Refusal`, and into `/peers` and `/health` of this node.
public struct PeerFault: Error, Hashable, Sendable, CustomStringConvertible {
  /// Stable names; docs/replication.md lists them.
  public enum Code: Hashable, Sendable {
    /// What the protocol's decisions, or a check of the handshake, refuse.
    case refused(Refusal.Code)
    /// It has not proven to be a validator, or not the one that was called.
    case unproven
    /// Its certificate is of another time: one of both clocks is wrong by days.
    case clock
    /// Nothing came for longer than it may.
    case silent
    /// It did not take what it was sent for longer than it may.
    case slow
    /// No connection, or it broke.
    case unreachable
    /// There is no room on its disk for what it is sent.
    case noRoom
    /// This node cannot answer now: it is stopping, or its database has failed.
    case unavailable

    /// A message that no correct node sends.
    public static let malformed = Code.refused(.malformed)

    public var name: String {
      switch self {
      case .refused(let code): code.rawValue
      case .unproven: "peer.unproven"
      case .clock: "peer.clock"
      case .silent: "peer.silent"
      case .slow: "peer.slow"
      case .unreachable: "peer.unreachable"
      case .noRoom: "peer.no-room"
      case .unavailable: "peer.unavailable"
      }
    }

    private static let own = [Self.unproven, .clock, .silent, .slow, .unreachable, .noRoom, .unavailable]

    init?(name: String) {
      if let code = Refusal.Code(rawValue: name) {
        self = .refused(code)
      } else if let code = Self.own.first(where: { $0.name == name }) {
        self = code
      } else {
        return nil
      }
    }

    /// Nothing is wrong there that anybody would have to put right: it was not running, or the network was not there.
    var isAbsence: Bool { self == .silent || self == .unreachable || self == .unavailable }
  }

  public let code: Code
  /// One line in lower case.
  public let reason: String

  public init(_ code: Code, _ reason: String) {
    self.code = code
    self.reason = reason
  }

  @_disfavoredOverload
  init(_ code: Refusal.Code, _ reason: String) { self.init(.refused(code), reason) }

  public var description: String { "\(code.name): \(reason)" }

  /// What a failed call says. The transport's codes decide, never its words.
  init(_ error: any Error) {
    switch error {
    case let fault as PeerFault: self = fault
    case let error as RPCError where error.code == .deadlineExceeded: self.init(.silent, "no answer in time")
    // What the transport says of a message that is too long, or no message at all.
    case let error as RPCError where [.resourceExhausted, .internalError, .invalidArgument].contains(error.code):
      self.init(.malformed, "a message that cannot be read, or is longer than \(PeerLimits.messageBytes >> 20) MiB")
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
