import Foundation
import GRPCCore
import GoudCore
import Replication

/// Hands entries on to the authority, and waits until this node has seen their acknowledgement: who wrote here reads here
/// what was written.
///
/// Entries that come while two calls are under way go together into the next, after some milliseconds at most. A call
/// that breaks is made again as long as somebody waits: an entry carries its id, and the authority answers with the place
/// of the one that is there already.
actor Forwarder {
  /// Calls that are made at once, one entry or many; beyond them, entries wait for each other for `linger`.
  static let promptCalls = 2
  static let linger = Duration.milliseconds(8)
  static let retry = Duration.milliseconds(100)

  private let identity: NodeIdentity
  private let engine: FollowerEngine
  private var waiting: [EntryTicket] = []
  private var calls = 0
  private var lingering = false

  init(identity: NodeIdentity, engine: FollowerEngine) {
    self.identity = identity
    self.engine = engine
  }

  /// - Throws: the authority's own refusal; `node.no-majority` when it cannot be reached; `node.unacknowledged` when
  ///   the task is cancelled before it is known what became of the entry.
  func submit(_ entry: [UInt8]) async throws -> EntryPlace {
    let ticket = try EntryTicket(checking: entry)
    let remote = EntryTicket(again: ticket)
    waiting.append(remote)
    pump()
    let place = try await remote.place()
    await engine.settle(ticket, at: place)
    return try await ticket.place()
  }

  private func pump() {
    guard !waiting.isEmpty else { return }
    if calls < Self.promptCalls { return call() }
    guard !lingering else { return }
    lingering = true
    Task {
      try? await Task.sleep(for: Self.linger)
      lingering = false
      if !waiting.isEmpty { call() }
    }
  }

  private func call() {
    var (count, bytes) = (0, 0)
    while count < min(waiting.count, PeerLimits.submittedEntries), count == 0 || bytes < PeerLimits.submittedBytes / 2 {
      bytes += waiting[count].encoded.count
      count += 1
    }
    let batch = Array(waiting.prefix(count))
    waiting.removeFirst(count)
    calls += 1
    Task {
      await send(batch)
      calls -= 1
      pump()
    }
    pump()
  }

  /// Returns when every one of `tickets` is settled, by the authority or because nobody waits for it any more.
  private func send(_ tickets: [EntryTicket]) async {
    var sent = false
    while case let open = tickets.filter({ !$0.isSettled }), !open.isEmpty {
      let shown = engine.shown.withLock { $0 }
      if let failure = shown.failure { return open.settle(.failure(sent ? EntryTicket.unknown : failure.refusal)) }
      if let link = shown.link {
        do {
          return open.settle(try await outcomes(of: open, link))
        } catch let error as RPCError {
          if let own = GoudError(remote: error) { return open.settle(.failure(own)) }
        } catch {}
        // Whether it arrived is not known: it is sent again, not refused.
        sent = true
      } else if !sent {
        let authority = identity.authority
        return open.settle(
          .failure(
            GoudError(
              .nodeNoMajority, "the authority, \(authority), cannot be reached from here", hint: "see /peers")))
      }
      try? await Task.sleep(for: Self.retry)
    }
  }

  private func outcomes(of tickets: [EntryTicket], _ link: AuthorityLink) async throws -> [Submission.Outcome] {
    let request = try Submission.request(tickets.map(\.encoded), from: identity)
    let reply = try await link.client.submit(request, options: PeerLimits.call(timeout: PeerLimits.submission))
    return try Submission.outcomes(reply, of: tickets.count)
  }
}

extension [EntryTicket] {
  fileprivate func settle(_ result: Submission.Outcome) { for ticket in self { ticket.settle(result.mapError { $0 }) } }

  fileprivate func settle(_ results: [Submission.Outcome]) {
    for (ticket, result) in zip(self, results) { ticket.settle(result.mapError { $0 }) }
  }
}

extension EntryTicket {
  /// - Throws: `request.invalid` when the bytes are no entry that may be submitted.
  convenience init(checking encoded: [UInt8]) throws {
    do {
      try self.init(encoded)
    } catch {
      throw GoudError(.requestInvalid, "\(error)", cause: error)
    }
  }
}
