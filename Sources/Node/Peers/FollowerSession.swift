import Foundation
import GRPCCore
import PeerProtocol
import Replication
import Synchronization

/// The authority's end of one follower's stream. `send` never waits.
final class FollowerLink: Sendable {
  let introduction: Introduction
  private let identity: NodeIdentity
  private let outbox: Outbox<Goud_Peer_V1_AuthorityMessage>
  private let end: EndOfStream

  var node: String { introduction.node }

  fileprivate init(
    _ introduction: Introduction, _ identity: NodeIdentity, _ outbox: Outbox<Goud_Peer_V1_AuthorityMessage>,
    _ end: EndOfStream
  ) {
    self.introduction = introduction
    self.identity = identity
    self.outbox = outbox
    self.end = end
  }

  /// Queues a message. When too much waits for this follower already, the stream ends (`peer.slow`).
  func send(_ said: AuthoritySaid) {
    do {
      let message = try said.wire(nonce: introduction.nonce, follower: node, from: identity)
      if !outbox.offer(message, bytes: said.bytes) {
        drop(PeerFault(.slow, "it takes too long to take what it is sent"))
      }
    } catch {
      drop(PeerFault(.unavailable, "the authority cannot sign"))
    }
  }

  /// Ends the stream; the follower is told why.
  func drop(_ fault: PeerFault) { end.now(fault) }
}

/// What the authority does with its followers' streams.
protocol FollowerHost: Sendable {
  /// A follower has proven who it is. An older stream of the same node is over.
  func followerConnected(_ link: FollowerLink) async throws
  /// Returns when the message has been dealt with: the next one is not read before.
  func followerSaid(_ said: FollowerSaid, on link: FollowerLink) async throws
  func followerGone(_ link: FollowerLink) async
}

/// One call of `Follow`, from the challenge to its end.
final class FollowerSession: Sendable {
  private let identity: NodeIdentity
  private let host: any FollowerHost
  private let book: PeerBook
  private let signs = LifeSigns()
  private let end = EndOfStream()
  private let outbox = Outbox<Goud_Peer_V1_AuthorityMessage>()
  /// The address it calls from, then the node it has proven to be.
  private let caller: Mutex<String>

  init(identity: NodeIdentity, host: any FollowerHost, book: PeerBook, remote: String) {
    self.identity = identity
    self.host = host
    self.book = book
    caller = Mutex(remote)
  }

  /// Returns when the follower has ended the stream.
  /// - Throws: `RPCError`, which ends the call; the fault has been told to the follower and written into the book.
  func run(
    _ messages: RPCAsyncSequence<Goud_Peer_V1_FollowerMessage, any Error>,
    _ writer: RPCWriter<Goud_Peer_V1_AuthorityMessage>
  ) async throws {
    do {
      try await race(
        { try await self.signs.watch() }, { try await self.end.wait() }, { try await self.outbox.drain(to: writer) },
        { try await self.converse(messages) })
    } catch {
      let fault = PeerFault(error)
      book.dropped(caller.withLock { $0 }, fault)
      // What the peer does not take now it never will: the call ends either way.
      try? await writer.write(.with { $0.refusal = PeerRefusal(fault).wire })
      throw RPCError(code: .aborted, message: fault.description)
    }
  }

  private func converse(_ messages: RPCAsyncSequence<Goud_Peer_V1_FollowerMessage, any Error>) async throws {
    let challenge = Handshake.nonce()
    _ = outbox.offer(.with { $0.challenge.nonce = Data(challenge) })
    var iterator = messages.makeAsyncIterator()
    guard case .introduction(let wire)? = try await iterator.next()?.kind else {
      throw PeerFault(.malformed, "it did not introduce itself")
    }
    let introduction = try Introduction(wire: wire, challenge: challenge, to: identity)
    caller.withLock { $0 = introduction.node }
    book.met(introduction.node, clock: introduction.clock)
    signs.established()
    let link = FollowerLink(introduction, identity, outbox, end)
    try await host.followerConnected(link)
    do {
      while let message = try await iterator.next() {
        signs.heard()
        book.heard(link.node)
        try await host.followerSaid(try FollowerSaid(wire: message), on: link)
      }
    } catch {
      await host.followerGone(link)
      throw error
    }
    await host.followerGone(link)
  }
}
