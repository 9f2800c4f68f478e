import Foundation
import GRPCCore
import PeerProtocol
import Replication
import Synchronization

/// A follower's end of its stream to the authority. `send` never waits.
final class AuthorityLink: Sendable {
  private let outbox: Outbox<Goud_Peer_V1_FollowerMessage>
  private let end: EndOfStream
  /// For calls beside the stream, over the same connection.
  let client: PeerConnection.Client

  fileprivate init(
    _ outbox: Outbox<Goud_Peer_V1_FollowerMessage>, _ end: EndOfStream, _ client: PeerConnection.Client
  ) {
    self.outbox = outbox
    self.end = end
    self.client = client
  }

  func send(_ said: FollowerSaid) {
    if !outbox.offer(said.wire) { drop(PeerFault(.slow, "the authority takes too long to take what it is sent")) }
  }

  /// Ends the stream; the authority is told why.
  func drop(_ fault: PeerFault) { end.now(fault) }
}

/// What a follower does with its stream to the authority.
protocol AuthorityHost: Sendable {
  /// What it introduces itself with.
  func introduction() async throws -> (Position, locator: [BlockID])
  /// The authority has proven who it is with its first `openEpoch`, which follows.
  func authorityConnected(_ link: AuthorityLink) async throws
  /// Returns when the message has been dealt with: the next one is not read before.
  func authoritySaid(_ said: AuthoritySaid, on link: AuthorityLink) async throws
  func authorityGone(_ link: AuthorityLink) async
}

/// One stream to the authority, from connecting to its end.
final class AuthoritySession: Sendable {
  private let identity: NodeIdentity
  private let host: any AuthorityHost
  private let book: PeerBook
  private let signs = LifeSigns()
  private let end = EndOfStream()
  private let outbox = Outbox<Goud_Peer_V1_FollowerMessage>()
  private let nonce = Handshake.nonce()

  init(identity: NodeIdentity, host: any AuthorityHost, book: PeerBook) {
    self.identity = identity
    self.host = host
    self.book = book
  }

  /// Whether the authority has proven who it is.
  var established: Bool { state.withLock { $0 } }
  private let state = Mutex(false)

  /// - Throws: why the stream ended, as a `PeerFault`; it is in the book. Or `CancellationError`.
  func run(at address: HostPort) async throws {
    do {
      try await race(
        { try await self.signs.watch() },
        { try await PeerConnection.with(address) { try await self.call($0) } })
      throw PeerFault(.unreachable, "the authority ended the stream")
    } catch {
      try Task.checkCancellation()
      let fault = PeerFault(error)
      book.dropped(identity.authority, fault)
      throw fault
    }
  }

  private func call(_ client: PeerConnection.Client) async throws {
    try await client.follow(options: PeerLimits.call()) { writer in
      try await self.outbox.drain(to: writer)
    } onResponse: { response in
      let link = AuthorityLink(self.outbox, self.end, client)
      try await race({ try await self.listen(response.messages, link) }, { try await self.refuse(link) })
    }
  }

  /// When this side ends the stream, the authority is told why: what is queued is sent before the call ends.
  private func refuse(_ link: AuthorityLink) async throws {
    do {
      try await end.wait()
    } catch let fault as PeerFault {
      _ = outbox.offer(FollowerSaid.refusal(PeerRefusal(fault)).wire)
      outbox.close()
      throw fault
    }
  }

  private func listen(
    _ messages: RPCAsyncSequence<Goud_Peer_V1_AuthorityMessage, any Error>, _ link: AuthorityLink
  ) async throws {
    var iterator = messages.makeAsyncIterator()
    guard case .challenge(let challenge)? = try await iterator.next()?.kind, challenge.nonce.count == 32 else {
      throw PeerFault(.malformed, "the authority sent no challenge")
    }
    let (position, locator) = try await host.introduction()
    _ = outbox.offer(
      try Introduction.wire(
        challenge: [UInt8](challenge.nonce), nonce: nonce, position: position, locator: locator, from: identity))
    do {
      while let message = try await iterator.next() {
        let said = try AuthoritySaid(wire: message, nonce: nonce, to: identity)
        signs.heard()
        book.heard(identity.authority)
        try await hear(said, link)
      }
    } catch {
      await host.authorityGone(link)
      throw error
    }
    await host.authorityGone(link)
  }

  private func hear(_ said: AuthoritySaid, _ link: AuthorityLink) async throws {
    if case .refusal(let refusal) = said, PeerFault.Code(rawValue: refusal.code) != nil {
      throw PeerFault(refusedBy: refusal)
    }
    if !established {
      guard case .openEpoch = said else { throw PeerFault(.notAuthentic, "the authority did not prove who it is") }
      state.withLock { $0 = true }
      signs.established()
      book.met(identity.authority, clock: nil)
      try await host.authorityConnected(link)
    }
    try await host.authoritySaid(said, on: link)
  }
}
