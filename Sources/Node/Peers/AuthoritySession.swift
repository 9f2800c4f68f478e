import Foundation
import GRPCCore
import PeerProtocol
import Replication
import SwiftProtobuf
import Synchronization

/// A follower's end of its stream to the authority. Sending never waits.
final class AuthorityLink: Sendable {
  let connection = Connection.next()
  private let greeting: Greeting
  private let identity: NodeIdentity
  private let outbox: Outbox<Goud_Peer_V1_FollowerMessage>
  private let end: EndOfStream

  fileprivate init(
    _ greeting: Greeting, _ identity: NodeIdentity, _ outbox: Outbox<Goud_Peer_V1_FollowerMessage>,
    _ end: EndOfStream
  ) {
    self.greeting = greeting
    self.identity = identity
    self.outbox = outbox
    self.end = end
  }

  func send(_ message: FollowerMessage) throws {
    if !outbox.offer(try message.wire(greeting, from: identity)) {
      end.now(PeerFault(.slow, "the authority takes too long to take what it is sent"))
    }
  }

  /// The connection has taken so much of what was handed on that more may be.
  var isReady: Bool { outbox.waitingBytes < PeerLimits.submittedBytes }

  /// Hands entries on, in one message.
  func submit(_ entries: [[UInt8]]) {
    let message = Goud_Peer_V1_FollowerMessage.with { $0.submit.entries = entries.map { Data($0) } }
    if !outbox.offer(message, bytes: entries.reduce(64) { $0 + $1.count + 4 }) {
      end.now(PeerFault(.slow, "the authority takes too long to take what it is sent"))
    }
  }

  /// Ends the stream once what is queued has been sent.
  func close(_ fault: PeerFault) {
    end.later(fault)
    outbox.close()
  }
}

/// What a follower does with its stream to the authority.
protocol AuthorityHost: Sendable {
  /// The authority waits for an introduction.
  func authorityConnected(_ link: AuthorityLink) async throws
  /// Returns when the message has been dealt with: the next one is not read before.
  func authoritySaid(_ message: AuthorityMessage, on link: AuthorityLink) async throws
  /// Returns when the next ones may come; what is said after them is dealt with after them.
  func authoritySent(_ blocks: SentBlocks, on link: AuthorityLink) async throws
  func authorityTurnedDown(_ entries: TurnedDown, on link: AuthorityLink) async throws
  func authorityGone(_ link: AuthorityLink) async
  /// Whether this node's disk is down to its reserve; the authority is told.
  var isShortOfRoom: Bool { get }
}

extension AuthorityHost {
  var isShortOfRoom: Bool { false }
}

/// One stream to the authority, from connecting to its end.
final class AuthoritySession: Sendable {
  private let identity: NodeIdentity
  private let host: any AuthorityHost
  private let book: PeerBook
  private let signs = LifeSigns()
  private let end = EndOfStream()
  private let outbox = Outbox<Goud_Peer_V1_FollowerMessage>()
  private let proven = Atomic<Bool>(false)
  /// What the authority last refused, on this stream.
  private let refusal = Mutex<PeerFault?>(nil)

  init(identity: NodeIdentity, host: any AuthorityHost, book: PeerBook) {
    self.identity = identity
    self.host = host
    self.book = book
  }

  /// Whether the authority has proven who it is.
  var established: Bool { proven.load(ordering: .relaxed) }

  /// Why this side has ended the stream, if it has.
  var ended: PeerFault? { end.reason }

  /// Returns only by throwing.
  /// - Throws: why the stream ended, as a `PeerFault`; it is in the book. Or `CancellationError`.
  func run(at address: HostPort) async throws {
    let authority = PeerAddress(name: identity.authority, address: address)
    let fault: PeerFault
    do {
      try await race(
        { try await self.signs.watch() },
        { try await PeerConnection.with(authority, as: self.identity) { try await self.call($0) } })
      fault = end.reason ?? PeerFault(.unreachable, "the authority ended the stream")
    } catch {
      try Task.checkCancellation()
      fault = end.reason ?? PeerFault(error)
    }
    book.dropped(identity.authority, fault)
    throw fault
  }

  private func call(_ client: PeerConnection.Client) async throws {
    try await client.follow(options: PeerLimits.call()) { writer in
      try await self.speak(to: writer)
    } onResponse: { response in
      try await self.converse(response.messages)
    }
  }

  /// Sends what this side says, until it ends.
  func speak(to writer: RPCWriter<Goud_Peer_V1_FollowerMessage>) async throws { try await outbox.drain(to: writer) }

  /// Listens until either side ends the stream.
  func converse(_ messages: RPCAsyncSequence<Goud_Peer_V1_AuthorityMessage, any Error>) async throws {
    try await race({ try await self.listen(messages) }, { try await self.refuse() })
  }

  /// When this side ends the stream, the authority is told why: what is queued is sent before the call ends.
  private func refuse() async throws {
    do {
      try await end.wait()
    } catch let fault as PeerFault {
      _ = outbox.offer(.with { $0.refusal = fault.wire })
      outbox.close()
      // The authority ends the call when it has read that.
      try await Task.sleep(for: .seconds(1))
      throw fault
    }
  }

  private func listen(_ messages: RPCAsyncSequence<Goud_Peer_V1_AuthorityMessage, any Error>) async throws {
    var iterator = messages.makeAsyncIterator()
    let first = try await iterator.next()?.kind
    if case .refusal(let refusal)? = first { throw PeerFault(refusedBy: refusal) }
    guard case .challenge(let challenge)? = first, challenge.nonce.count == 32 else {
      throw PeerFault(.malformed, "the authority sent no challenge")
    }
    let greeting = Greeting(challenge: [UInt8](challenge.nonce), nonce: Greeting.random())
    let link = AuthorityLink(greeting, identity, outbox, end)
    do {
      try await host.authorityConnected(link)
      while let message = try await iterator.next() {
        if case .refusal(let refusal)? = message.kind {
          try await refused(refusal, link)
        } else {
          try await hear(try AuthoritySaid(wire: message, nonce: greeting.nonce, to: identity), link)
        }
      }
    } catch {
      await host.authorityGone(link)
      if let refusal = refusal.withLock({ $0 }) { throw refusal }
      if end.reason == nil { await refuseAtOnce(PeerFault(error)) }
      throw error
    }
    await host.authorityGone(link)
    if let refusal = refusal.withLock({ $0 }) { throw refusal }
  }

  /// Most often the last thing that is said; an authority that sets this node apart stays connected. One that has not
  /// proven who it is changes nothing here.
  private func refused(_ wire: Goud_Peer_V1_Refusal, _ link: AuthorityLink) async throws {
    let fault = PeerFault(refusedBy: wire)
    guard established, let known = try Refusal(wire: wire) else { throw fault }
    refusal.withLock { $0 = fault }
    try await host.authoritySaid(.refusal(known), on: link)
  }

  private func hear(_ said: AuthoritySaid, _ link: AuthorityLink) async throws {
    // Until it has proven who it is, nothing it says prolongs its time.
    if established { signs.heard() }
    switch said {
    case .heartbeat(let clock):
      book.heard(identity.authority, clock: clock)
      let answer = Goud_Peer_V1_FollowerMessage.with {
        $0.heartbeat.clock = PeerClock.now()
        $0.heartbeat.full = host.isShortOfRoom
      }
      if !outbox.offer(answer) {
        throw PeerFault(.slow, "the authority takes too long to take what it is sent")
      }
      return
    case .message(.openEpoch) where !established:
      proven.store(true, ordering: .relaxed)
      signs.established()
      book.met(identity.authority, clock: nil)
    default: guard established else { throw PeerFault(.signature, "the authority did not prove who it is") }
    }
    switch said {
    case .message(let message): try await host.authoritySaid(message, on: link)
    case .blocks(let blocks): try await host.authoritySent(blocks, on: link)
    case .turnedDown(let entries): try await host.authorityTurnedDown(entries, on: link)
    case .heartbeat: break
    }
  }

  /// The authority is told why this side goes; a moment is all it gets to hear it.
  private func refuseAtOnce(_ fault: PeerFault) async {
    guard !fault.code.isAbsence else { return }
    _ = outbox.offer(.with { $0.refusal = fault.wire })
    outbox.close()
    try? await Task.sleep(for: .milliseconds(100))
  }
}
