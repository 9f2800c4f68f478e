import Chain
import Foundation
import GRPCCore
import GoudCore
import PeerProtocol
import Replication
import SwiftProtobuf

@testable import Node

/// A validator that says what it likes, to a node of this process: on the streams that a connection would carry, without
/// one.
struct HostileFollower {
  let identity: NodeIdentity
  /// The authority that is lied to, asked for each time: whoever holds a node keeps its database open.
  let target: @Sendable () async throws -> NodeHost

  typealias Say = @Sendable (Goud_Peer_V1_FollowerMessage) -> Void

  /// Introduces itself, says what `speak` says, and listens until the authority ends the stream, or `speak` has nothing
  /// more to say.
  /// - Returns: the refusal, if any.
  @discardableResult
  func meet(
    at position: Position, locator: [BlockID],
    _ speak: @escaping @Sendable (OpenEpoch, @escaping Say) async throws -> Void
  ) async throws -> Goud_Peer_V1_Refusal? {
    let target = try await target()
    let (messages, input) = AsyncThrowingStream.makeStream(of: Goud_Peer_V1_FollowerMessage.self)
    let (answers, output) = AsyncStream.makeStream(of: Goud_Peer_V1_AuthorityMessage.self)
    let session = FollowerSession(identity: target.identity, host: target, book: target.book, caller: identity.name)
    let served = Task {
      defer { output.finish() }
      try? await session.run(RPCAsyncSequence(wrapping: messages), RPCWriter(wrapping: Writer(output)))
    }
    var refusal: Goud_Peer_V1_Refusal?
    var spoken = false
    for await answer in answers {
      switch answer.kind {
      case .challenge(let challenge):
        let introduction = Introduction(node: identity.name, position: position, locator: locator)
        let greeting = Greeting(challenge: [UInt8](challenge.nonce), nonce: Greeting.random())
        input.yield(try FollowerMessage.introduction(introduction).wire(greeting, from: identity))
      case .openEpoch(let wire) where !spoken:
        spoken = true
        let open = try OpenEpoch(wire: wire)
        Task {
          try await speak(open) { input.yield($0) }
          input.finish()
        }
      case .refusal(let wire): refusal = wire
      default: break
      }
    }
    _ = await served.result
    return refusal
  }
}

/// An authority that signs what it likes, to a follower of this process.
struct HostileAuthority {
  let key: ValidatorKey
  let chain: [UInt8]
  let target: @Sendable () async throws -> NodeHost

  /// Lets the follower connect, and says what `speak` says.
  /// - Returns: why the follower left.
  @discardableResult
  func serve(_ speak: @escaping @Sendable (Speaker) async throws -> Void) async throws -> PeerFault? {
    let target = try await target()
    guard case .follower(let engine) = try target.core.engine else { return nil }
    let follower = target.identity.name
    let (messages, input) = AsyncThrowingStream.makeStream(of: Goud_Peer_V1_AuthorityMessage.self)
    let (answers, output) = AsyncStream.makeStream(of: Goud_Peer_V1_FollowerMessage.self)
    let session = AuthoritySession(identity: target.identity, host: engine, book: target.book)
    input.yield(.with { $0.challenge.nonce = Data(Greeting.random()) })
    let speaking = Task { [key, chain] in
      for await answer in answers {
        guard case .introduction(let introduction)? = answer.kind else { continue }
        try await speak(
          Speaker(
            key: key, chain: chain, follower: follower, nonce: [UInt8](introduction.nonce), input: input))
        input.finish()
        return
      }
    }
    let sending = Task {
      try await session.speak(to: RPCWriter(wrapping: Writer(output)))
      // As a connection does: whoever has nothing more to say is answered with the end of the stream.
      input.finish()
    }
    defer {
      speaking.cancel()
      sending.cancel()
    }
    do {
      try await session.converse(RPCAsyncSequence(wrapping: messages))
    } catch let fault as PeerFault {
      return session.ended ?? fault
    }
    return session.ended
  }

  struct Speaker: Sendable {
    let key: ValidatorKey
    let chain: [UInt8]
    let follower: String
    let nonce: [UInt8]
    let input: AsyncThrowingStream<Goud_Peer_V1_AuthorityMessage, any Error>.Continuation

    func say(_ message: Goud_Peer_V1_AuthorityMessage) { input.yield(message) }

    func open(_ epoch: UInt64, reign: Epoch, beginning: [UInt8], demand: OpenEpoch.Demand = .none) throws {
      let open = OpenEpoch(
        epoch: Epoch(number: epoch, nonce: [UInt8](repeating: UInt8(truncatingIfNeeded: epoch), count: 16)),
        reign: reign, round: 2, standing: .member, beginning: beginning, demand: demand)
      let signature = try key.sign(open.preimage(chain: chain, follower: follower, nonce: nonce))
      var message = Goud_Peer_V1_AuthorityMessage()
      message.openEpoch = .with {
        $0.epoch = open.epoch.number
        $0.nonce = Data(open.epoch.nonce)
        $0.reign = open.reign.number
        $0.reignNonce = Data(open.reign.nonce)
        $0.round = open.round
        $0.member = true
        $0.beginning = Data(beginning)
        $0.rejoin = demand == .rejoin
        $0.signature = Data(signature)
      }
      say(message)
    }
  }
}

private struct Writer<Element: Sendable>: RPCWriterProtocol {
  private let output: AsyncStream<Element>.Continuation
  init(_ output: AsyncStream<Element>.Continuation) { self.output = output }
  func write(_ element: Element) { output.yield(element) }
  func write(contentsOf elements: some Sequence<Element>) { for element in elements { output.yield(element) } }
}
