import Foundation
import GRPCCore
import GoudCore
import PeerProtocol
import Replication
import SwiftProtobuf

/// What a node does for its peers beside the streams of followers. Everything here may throw `PeerFault` or `GoudError`.
protocol PeerHost: FollowerHost {
  /// Where this node stands, and the ids of those of `heights` that it has.
  func inspect(_ heights: [UInt64]) async throws -> (Position, [BlockID])
  /// Encoded blocks from `height` on, at most `limit` and `PeerLimits.batchBytes`, at least one; none above the head.
  func blocks(from height: UInt64, limit: Int) async throws -> [[UInt8]]
}

/// The gRPC service `goud.peer.v1.Peer`: checks what comes in, and hands it to the node.
struct PeerService: Goud_Peer_V1_Peer.SimpleServiceProtocol {
  let identity: NodeIdentity
  let host: any PeerHost
  let book: PeerBook
  /// Who may call: none but those who have proven to be validators get as far as here.
  let seats = PeerSeats()

  func follow(
    request: RPCAsyncSequence<Goud_Peer_V1_FollowerMessage, any Error>,
    response: RPCWriter<Goud_Peer_V1_AuthorityMessage>, context: ServerContext
  ) async throws {
    let session = FollowerSession(identity: identity, host: host, book: book, caller: try caller(context))
    try await session.run(request, response)
  }

  func blocks(
    request: Goud_Peer_V1_BlocksRequest, response: RPCWriter<Goud_Peer_V1_BlockBatch>, context: ServerContext
  ) async throws {
    try await answering(context) {
      try identity.checkChain(request.chain)
      var next = request.from
      let (sum, overflow) = request.from.addingReportingOverflow(request.limit)
      let end = request.limit == 0 || overflow ? UInt64.max : sum
      while next < end {
        let limit = Int(min(UInt64(PeerLimits.batchBlocks), end - next))
        let blocks = try await host.blocks(from: next, limit: limit)
        guard !blocks.isEmpty else { return }
        try await response.write(.with { $0.blocks = blocks.map { Data($0) } })
        next += UInt64(blocks.count)
      }
    }
  }

  func inspect(request: Goud_Peer_V1_InspectRequest, context: ServerContext) async throws -> Goud_Peer_V1_InspectReply {
    try await answering(context) {
      guard request.heights.count <= PeerLimits.inspectedBlocks else {
        throw PeerFault(.malformed, "asked for \(request.heights.count) blocks at once")
      }
      let (position, blocks) = try await host.inspect(request.heights)
      return .with {
        $0.node = identity.name
        $0.chain = Data(identity.chain)
        $0.schemaVersion = identity.schemaVersion
        $0.position = position.wire
        $0.blocks = blocks.map(\.wire)
        $0.clock = PeerClock.now()
      }
    }
  }

  private func caller(_ context: ServerContext) throws -> String {
    guard let node = seats.node(calling: context) else {
      throw RPCError(code: .unauthenticated, message: "\(PeerFault(.unproven, "it has proven nothing"))")
    }
    return node
  }

  /// Faults of the caller go into the book; every error goes out as words that the caller can show.
  private func answering<Result>(_ context: ServerContext, _ body: () async throws -> Result) async throws -> Result {
    let caller = try caller(context)
    do {
      return try await body()
    } catch let fault as PeerFault {
      book.dropped(caller, fault)
      throw RPCError(code: .aborted, message: fault.description)
    } catch let error as GoudError {
      throw RPCError(code: .failedPrecondition, message: error.message)
    }
  }
}
