import Chain
import Foundation
import GoudCore
import Hummingbird

extension NodeHTTP {
  var chainRoutes: [Route] { [Route("/chain") { try await page($0, $1) }] }

  /// Acknowledged blocks in order of height, as many as fit.
  private func page(_ request: Request, _ context: NodeContext) async throws -> Response {
    let from = try reader.number("from", of: request, in: 0...UInt64.max, default: 0)
    let limit = try reader.number("limit", of: request, in: 1...limits.chainPage, default: limits.chainPageDefault)
    let bytes = limits.chainPageBytes
    // Blocks, their base64, and the JSON around it.
    return try await large(bytes: 4 * bytes, context) { ledger in
      let acknowledged = ledger.acknowledged
      let count = from > acknowledged ? 0 : Int(min(UInt64(limit), acknowledged - from + 1))
      let blocks = try ledger.blocks(from: from, limit: count, maxBytes: bytes)
        .map { BlockBody(try Block(decoding: $0, chain: ledger.chain)) }
      let next = blocks.last.flatMap { $0.height < acknowledged ? $0.height + 1 : nil }
      return try Answer.encoded(
        ChainBody(chainId: ledger.chain.hex, chainLength: acknowledged + 1, blocks: blocks, next: next))
    }
  }

  /// An answer that is large, or made from much: made by few at a time, on a thread that may block.
  /// - Parameter bytes: what making it takes of the budget; what is left of that when it is made belongs to the
  ///   connection until the client has all of it.
  func large(
    bytes: Int, _ context: NodeContext, for account: [UInt8]? = nil,
    _ make: @escaping @Sendable (Ledger) throws -> ByteBuffer
  ) async throws -> Response {
    let share = try await budget.take(bytes, for: context.seat)
    let body = try await read(for: account, make)
    share.settle(on: body.readableBytes)
    context.counted.isSet = true
    return Answer.json(body).holding(share)
  }
}

private struct ChainBody: Encodable, Sendable {
  let chainId: String
  let chainLength: UInt64
  let blocks: [BlockBody]
  /// What to ask for as `from` next; absent after the newest block.
  let next: UInt64?
}

/// A block as JSON shows it: whatever its hash is taken over, and its entries as they are stored.
struct BlockBody: Encodable, Sendable {
  struct Entry: Encodable, Sendable {
    /// `genesis`, `account`, `data`; `unknown` when this release cannot read it.
    let kind: String
    /// Of an account or an entry.
    let id: String?
    /// Base64 of the leaf of the Merkle tree: one encoded `goud.chain.v1.Entry`.
    let encoded: String
  }

  let height: UInt64
  let epoch: UInt64
  let time: String
  let hash: String
  let previous: String
  let merkleRoot: String
  let producer: String
  let signature: String
  let entries: [Entry]
}

extension BlockBody {
  fileprivate init(_ block: Block) {
    height = block.height
    epoch = block.epoch
    time = Timestamp.text(milliseconds: block.time)
    hash = block.hash.hex
    previous = block.previous.hex
    merkleRoot = block.merkleRoot.hex
    producer = Hex.text(block.producer)
    signature = Hex.text(block.signature)
    entries = block.entries.map(Entry.init)
  }
}

extension BlockBody.Entry {
  fileprivate init(_ bytes: [UInt8]) {
    encoded = Data(bytes).base64EncodedString()
    switch try? Chain.Entry(decoding: bytes) {
    case .genesis: (kind, id) = ("genesis", nil)
    case .account(let account): (kind, id) = ("account", Hex.text(account.id))
    case .data(let data): (kind, id) = ("data", Hex.text(data.id))
    case nil: (kind, id) = ("unknown", nil)
    }
  }
}
