import Chain
import GoudCore
import Hummingbird
import Replication

extension NodeHTTP {
  var dataRoutes: [Route] {
    [
      Route("/data/submit", [.post]) { try await submit($0, $1) },
      Route("/data/list", [.get, .post]) { request, _ in try await list(request) },
      Route("/data/decrypt/{id}", [.get, .post]) { try await decrypt($0, $1) },
    ]
  }

  /// Seals an entry, and answers once a majority has it on disk.
  private func submit(_ request: Request, _ context: NodeContext) async throws -> Response {
    struct Submission: Decodable {
      let label: String
      let data: String
    }
    let session = try await session(of: request)
    try rates.submissions.take(session.account)
    let (submission, share) = try await reader.json(
      Submission.self, of: request, context, limit: limits.submissionBytes)
    try check(label: submission.label, data: submission.data)
    let id = Identifier.random()
    let created = Timestamp.now()
    let sealed = SealedData(
      id: id, account: session.account, label: try session.key.seal(submission.label.utf8, .label, entry: id),
      payload: try session.key.seal(submission.data.utf8, .payload, entry: id), created: created)!
    let place = try await service.submit(.data(sealed), before: .now + limits.submitTime)
    return try withExtendedLifetime(share) {
      try Answer.json(SubmittedBody(id, place, created: created), status: .created)
    }
  }

  private func check(label: String, data: String) throws {
    let length = label.utf8.count
    guard (1...limits.labelBytes).contains(length) else {
      throw GoudError(
        .requestInvalid, "the label has \(length) bytes; it must have 1 to \(limits.labelBytes)",
        hint: "put what is longer into the data")
    }
    guard data.utf8.count <= limits.dataBytes else {
      throw GoudError(
        .requestTooLarge, "the data has \(data.utf8.count) bytes; an entry holds \(limits.dataBytes)",
        hint: "split it over several entries")
    }
  }

  /// The account's entries, newest first, with their labels opened.
  private func list(_ request: Request) async throws -> Response {
    let session = try await session(of: request)
    let limit = try reader.number("limit", of: request, in: 1...limits.listPage, default: limits.listPageDefault)
    let cursor = try request.uri.queryParameters["cursor"].map { try Cursor.read($0) }
    // One more than asked for tells whether there is a next page.
    let found = try await read(for: session.account) {
      try $0.newestPositions(of: session.account, before: cursor, limit: limit + 1)
    }
    let page = found.prefix(limit)
    return try Answer.json(
      ListBody(
        entries: try await heads(at: page, of: session.account).map { position, entry in
          ListBody.Entry(
            entryId: Hex.text(entry.id),
            label: String(decoding: try session.key.open(entry.label, .label, entry: entry.id), as: UTF8.self),
            createdAt: Timestamp.text(milliseconds: entry.created), blockNumber: position.height)
        },
        nextCursor: found.count > limit ? page.last.map(Cursor.text) : nil))
  }

  /// Reads a few blocks at a time, so that whoever wants one block does not wait for another one's hundred.
  private func heads(
    at positions: ArraySlice<EntryPosition>, of account: [UInt8]
  ) async throws -> [(EntryPosition, EntryHead)] {
    let turn = limits.readTurnBytes
    var heads: [(EntryPosition, EntryHead)] = []
    var rest = positions
    while !rest.isEmpty {
      let (found, count) = try await read(for: account) { [rest] ledger in
        var (found, count, bytes) = ([(EntryPosition, EntryHead)](), 0, 0)
        while count < rest.count, bytes < turn {
          let height = rest[rest.startIndex + count].height
          let places = rest.dropFirst(count).prefix { $0.height == height }
          let heads = try ledger.heads(in: height, at: places.map(\.index), blockBytes: &bytes)
          found += zip(places, heads ?? [])
          count += places.count
        }
        return (found, count)
      }
      heads += found
      rest = rest.dropFirst(count)
    }
    return heads
  }

  /// One entry of the account, opened. Another account's is as unknown as one that never was.
  private func decrypt(_ request: Request, _ context: NodeContext) async throws -> Response {
    let session = try await session(of: request)
    guard let id = context.parameters.get("id").flatMap({ Hex.bytes($0) }), id.count == Identifier.count,
      let head = try await read(for: session.account, { try $0.head(of: id) }), head.account == session.account
    else { throw unknownEntry }
    // The entry, its data opened, and the JSON around it.
    let bytes = 4 * (head.payloadBytes + limits.labelBytes)
    return try await large(bytes: bytes, context, for: session.account) { ledger in
      guard let stored = try ledger.entry(id) else { throw unknownEntry }
      let entry = stored.content
      let data = try session.key.open(entry.payload, .payload, entry: id)
      let label = try session.key.open(entry.label, .label, entry: id)
      return try Answer.encoded(
        EntryBody(
          entryId: Hex.text(id), label: String(decoding: label, as: UTF8.self),
          data: String(decoding: data, as: UTF8.self), createdAt: Timestamp.text(milliseconds: entry.created),
          blockNumber: stored.position.height))
    }
  }

  private var unknownEntry: GoudError {
    GoudError(.entryNotFound, "this account has no such entry", hint: "GET /data/list lists its entries")
  }
}

/// Where a page of a list goes on: after the entry at this place. `HEIGHT-INDEX`.
private enum Cursor {
  static func text(_ place: EntryPosition) -> String { "\(place.height)-\(place.index)" }

  static func read(_ text: Substring) throws -> EntryPosition {
    let numbers = text.split(separator: "-", omittingEmptySubsequences: false)
    guard numbers.count == 2, let height = UInt64(numbers[0]), let index = UInt32(numbers[1]) else {
      throw GoudError(.requestInvalid, "this is not a cursor", hint: "take next_cursor of the page before")
    }
    return EntryPosition(height: height, index: index)
  }
}

private struct SubmittedBody: Encodable {
  let entryId: String
  let blockNumber: UInt64
  let index: Int
  let createdAt: String

  init(_ id: [UInt8], _ place: EntryPlace, created: UInt64) {
    entryId = Hex.text(id)
    blockNumber = place.block.height
    index = place.index
    createdAt = Timestamp.text(milliseconds: created)
  }
}

private struct ListBody: Encodable {
  struct Entry: Encodable {
    let entryId: String
    let label: String
    let createdAt: String
    let blockNumber: UInt64
  }
  let entries: [Entry]
  let nextCursor: String?
}

private struct EntryBody: Encodable {
  let entryId: String
  let label: String
  let data: String
  let createdAt: String
  let blockNumber: UInt64
}
