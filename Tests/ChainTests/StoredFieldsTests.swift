import Testing

@testable import Chain

/// Entries looked at where they lie, beside the decoder that copies.
@Suite struct StoredFieldsTests {
  private func data(_ payload: Int, created: UInt64 = 7) -> SealedData {
    SealedData(
      id: [UInt8](repeating: 1, count: 16), account: [UInt8](repeating: 2, count: 16), label: [3, 4, 5],
      payload: [UInt8](repeating: 6, count: payload), created: created)!
  }

  private func block(_ entries: [Entry]) throws -> [UInt8] {
    let previous = BlockReference(height: 4, epoch: 1, time: 9, hash: .zero)
    return try Block(
      after: previous, chain: .zero, epoch: 1, time: 10, entries: entries.map(\.encoded), key: .generate()
    ).encoded
  }

  private func head(_ block: [UInt8], _ index: UInt32) throws -> EntryHead? {
    try block.withUnsafeBytes { try EntryHead.heads(in: $0, at: [index])?.first }
  }

  @Test(arguments: [0, 1, 127, 128, 16_383, 16_384, 900_000])
  func anEntrysHeadIsWhatItsDecoderReads(_ payload: Int) throws {
    let account = Account(id: [UInt8](repeating: 9, count: 16), keyHash: [UInt8](repeating: 8, count: 32), created: 0)!
    for created in [UInt64(0), 1, .max] {
      let entry = data(payload, created: created)
      let bytes = try block([.account(account), .data(entry), .account(account)])
      let found = try #require(try head(bytes, 1))
      #expect(found.id == entry.id && found.account == entry.account && found.label == entry.label)
      #expect(found.payloadBytes == payload && found.created == created)
      #expect(try head(bytes, 0) == nil && head(bytes, 2) == nil && head(bytes, 3) == nil)
    }
  }

  @Test func severalAreFoundInWhicheverOrder() throws {
    let entries = (0..<5).map { data($0) }
    let bytes = try block(entries.map { .data($0) })
    func sizes(_ indexes: [UInt32]) throws -> [Int]? {
      try bytes.withUnsafeBytes { try EntryHead.heads(in: $0, at: indexes) }?.map(\.payloadBytes)
    }
    #expect(try sizes([4, 0, 2]) == [4, 0, 2] && sizes([0, 1, 2, 3, 4]) == [0, 1, 2, 3, 4] && sizes([]) == [])
    for wrong in [[5], [0, 5], [.max, 1], [1, 1]] as [[UInt32]] { #expect(try sizes(wrong) == nil) }
  }

  /// Whatever the bytes are, they are read within their bounds: an answer, or none.
  @Test func brokenBytesAreNoEntry() throws {
    let whole = try block([.data(data(300))])
    for count in 0..<whole.count { _ = try? head(Array(whole.prefix(count)), 0) }
    for place in 0..<whole.count {
      for value in [0, 1, 0x42, 0x7f, 0x80, 0xff] as [UInt8] {
        var broken = whole
        broken[place] = value
        _ = try? head(broken, 0)
      }
    }
    #expect(throws: StoredFields.Malformed.self) {
      try head([0x42, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], 0)
    }
    #expect(throws: StoredFields.Malformed.self) { try head([UInt8](repeating: 0xff, count: 11), 0) }
  }
}
