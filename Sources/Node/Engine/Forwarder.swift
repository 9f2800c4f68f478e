import Foundation
import GRPCCore
import GoudCore
import Replication

/// Hands an entry on to the authority, and waits until this node has seen its acknowledgement: who wrote here reads
/// here what was written.
///
/// A call that breaks is made again as long as the caller waits. The entry carries its id, and the authority answers with
/// the place of the one that is there already.
struct Forwarder {
  let identity: NodeIdentity
  let engine: FollowerEngine

  /// - Throws: the authority's own refusal; `node.no-majority` when it cannot be reached; `node.unacknowledged` when
  ///   the task is cancelled before it is known what became of the entry.
  func submit(_ entry: [UInt8]) async throws -> EntryPlace {
    let ticket = try EntryTicket(checking: entry)
    let place = try await place(of: entry)
    await engine.settle(ticket, at: place)
    return try await ticket.place()
  }

  private func place(of entry: [UInt8]) async throws -> EntryPlace {
    let request = try Submission.request(entry, from: identity)
    var sent = false
    while true {
      let shown = engine.shown.withLock { $0 }
      if let failure = shown.failure { throw sent ? EntryTicket.unknown : failure.refusal }
      if let link = shown.link {
        do {
          return try await Submission.answer { try await link.client.submit(request, options: PeerLimits.call()) }
        } catch let error as RPCError {
          if Task.isCancelled { throw EntryTicket.unknown }
          // Whether it arrived is not known: it is sent again, not refused.
          sent = true
          _ = error
        }
      } else if !sent {
        throw GoudError(
          .nodeNoMajority, "the authority, \(identity.authority), cannot be reached from here", hint: "see /peers")
      }
      do {
        try await Task.sleep(for: .milliseconds(100))
      } catch {
        throw EntryTicket.unknown
      }
    }
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
