import Foundation
import GRPCCore
import GoudCore
import PeerProtocol
import Replication
import SwiftProtobuf
import Synchronization

/// The authority's end of one follower's stream. Sending never waits.
final class FollowerLink: Sendable {
  let introduction: Introduction
  let connection: Connection
  private let nonce: [UInt8]
  private let identity: NodeIdentity
  private let outbox: Outbox<Goud_Peer_V1_AuthorityMessage>
  private let end: EndOfStream
  private let refusals: EntryRefusals

  var node: String { introduction.node }

  fileprivate init(
    _ introduction: Introduction, nonce: [UInt8], _ identity: NodeIdentity,
    _ outbox: Outbox<Goud_Peer_V1_AuthorityMessage>, _ end: EndOfStream, _ refusals: EntryRefusals
  ) {
    self.introduction = introduction
    connection = .next()
    self.nonce = nonce
    self.identity = identity
    self.outbox = outbox
    self.end = end
    self.refusals = refusals
  }

  /// Queues blocks. When too much waits for this follower already, the stream ends (`peer.slow`).
  func send(_ blocks: SentBlocks) {
    offer(.append(blocks), bytes: blocks.blocks.reduce(128) { $0 + $1.count + 4 })
  }

  /// Queues any other message.
  func send(_ message: AuthorityMessage) throws {
    switch message {
    case .openEpoch(let open):
      let wire = try open.wire(nonce: nonce, follower: node, from: identity)
      offer(.with { $0.openEpoch = wire })
    case .append(let append):
      send(SentBlocks(epoch: append.epoch, previous: append.previous, blocks: [], acknowledged: append.acknowledged))
    case .acknowledged(let acknowledged): offer(.acknowledged(acknowledged))
    case .admission(let admission): offer(.admission(admission))
    case .refusal(let refusal): offer(.refusal(refusal))
    }
  }

  /// Tells, together with others, that an entry of this follower is in no block.
  func turnDown(_ id: [UInt8], _ error: GoudError) { refusals.add(id, error) }

  private func offer(_ message: Goud_Peer_V1_AuthorityMessage, bytes: Int = 256) {
    if !outbox.offer(message, bytes: bytes) {
      end.now(PeerFault(.slow, "it takes too long to take what it is sent"))
    }
  }

  /// Ends the stream once what is queued has been sent.
  func close(_ fault: PeerFault) {
    end.later(fault)
    outbox.close()
  }
}

extension Connection {
  private static let count = Atomic<UInt64>(0)

  /// One that this process has not used yet.
  static func next() -> Connection { Connection(count.add(1, ordering: .relaxed).newValue) }
}

/// What the authority does with its followers' streams.
protocol FollowerHost: Sendable {
  /// A follower has proven who it is.
  func followerConnected(_ link: FollowerLink) async throws
  /// Returns when the message has been dealt with: the next one is not read before.
  func followerSaid(_ message: FollowerMessage, on link: FollowerLink) async throws
  /// Entries for the next blocks; what is not taken is turned down (`FollowerLink.turnDown`).
  func followerSubmitted(_ entries: [[UInt8]], on link: FollowerLink) async throws
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
  private let refusals = EntryRefusals()
  /// The validator at the other end of the connection.
  private let caller: String

  init(identity: NodeIdentity, host: any FollowerHost, book: PeerBook, caller: String) {
    self.identity = identity
    self.host = host
    self.book = book
    self.caller = caller
  }

  /// - Throws: `RPCError`, which ends the call; the fault has been told to the follower and written into the book.
  func run(
    _ messages: RPCAsyncSequence<Goud_Peer_V1_FollowerMessage, any Error>,
    _ writer: RPCWriter<Goud_Peer_V1_AuthorityMessage>
  ) async throws {
    var fault: PeerFault
    do {
      try await race(
        { try await self.signs.watch() }, { try await self.end.wait() }, { try await self.outbox.drain(to: writer) },
        { try await self.beat() }, { try await self.tellRefusals() }, { try await self.converse(messages) })
      fault = end.reason ?? PeerFault(.unreachable, "it ended the stream")
    } catch {
      fault = PeerFault(error)
      // What the peer does not take now it never will: the call ends either way.
      try? await writer.write(.with { $0.refusal = fault.wire })
    }
    book.dropped(caller, fault)
    throw RPCError(code: .aborted, message: fault.description)
  }

  private func converse(_ messages: RPCAsyncSequence<Goud_Peer_V1_FollowerMessage, any Error>) async throws {
    let challenge = Greeting.random()
    _ = outbox.offer(.with { $0.challenge.nonce = Data(challenge) })
    var iterator = messages.makeAsyncIterator()
    guard case .introduction(let wire)? = try await iterator.next()?.kind else {
      throw PeerFault(.malformed, "it did not introduce itself")
    }
    guard wire.node == caller else {
      throw PeerFault(.unproven, "\(caller) introduces itself as \"\(wire.node.firstLine)\"")
    }
    let introduction = try Introduction(wire: wire, challenge: challenge, to: identity)
    book.met(introduction.node, clock: wire.clock)
    signs.established()
    let link = FollowerLink(introduction, nonce: [UInt8](wire.nonce), identity, outbox, end, refusals)
    do {
      try await host.followerConnected(link)
      while let message = try await iterator.next() {
        signs.heard()
        switch try FollowerSaid(wire: message) {
        case .message(let message): try await host.followerSaid(message, on: link)
        case .entries(let entries): try await host.followerSubmitted(entries, on: link)
        case .heartbeat(let clock, let full): book.heard(link.node, clock: clock, full: full)
        }
      }
    } catch {
      await host.followerGone(link)
      throw error
    }
    await host.followerGone(link)
  }

  private func tellRefusals() async throws {
    for await _ in refusals.signal {
      for message in refusals.take() {
        guard outbox.offer(message, bytes: 512 + 18 * message.turnedDown.ids.count) else {
          throw PeerFault(.slow, "it takes too long to take what it is sent")
        }
      }
    }
  }

  private func beat() async throws {
    while true {
      try await Task.sleep(for: PeerLimits.heartbeat)
      guard outbox.offer(.heartbeat()) else { throw PeerFault(.slow, "it takes too long to take what it is sent") }
    }
  }
}

/// Entries that were turned down, until the follower is told: all that have come together, in one message for each
/// reason.
private final class EntryRefusals: Sendable {
  /// Something is there.
  let signal: AsyncStream<Void>
  private let input: AsyncStream<Void>.Continuation
  private let waiting = Mutex<[(id: [UInt8], error: GoudError)]>([])

  init() { (signal, input) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

  func add(_ id: [UInt8], _ error: GoudError) {
    waiting.withLock { $0.append((id, error)) }
    input.yield()
  }

  func take() -> [Goud_Peer_V1_AuthorityMessage] {
    let all = waiting.withLock { waiting in
      defer { waiting = [] }
      return waiting
    }
    let reasons = Dictionary(grouping: all) { [$0.error.code.rawValue, $0.error.message, $0.error.hint ?? ""] }
    return reasons.map { reason, entries in
      .with {
        $0.turnedDown = .with {
          $0.ids = entries.map { Data($0.id) }
          ($0.code, $0.message, $0.hint) = (reason[0], reason[1], reason[2])
        }
      }
    }
  }
}
