import Testing

@testable import Repository

@Suite struct RepositoryIndexTests {
  private func id(_ number: Int) -> ObjectID {
    ObjectID(sha256Of: withUnsafeBytes(of: number) { Array($0) })
  }

  private func entry(_ number: Int, _ kind: BlobKind = .data, at offset: Int = 0) -> PackEntry {
    PackEntry(id: id(number), kind: kind, offset: UInt32(offset), length: 100, uncompressedLength: 0)
  }

  @Test func everyBlobIsFoundAndNothingElse() {
    var index = RepositoryIndex()
    for pack in 0..<100 {
      index.add(pack: id(1_000_000 + pack), (0..<100).map { entry(pack * 100 + $0, at: $0 * 100) })
    }
    #expect(index.blobCount == 10_000)
    #expect(index.packCount == 100)
    for number in 0..<10_000 {
      #expect(
        index.places(of: id(number), as: .data)
          == [.init(pack: id(1_000_000 + number / 100), entry: entry(number, at: number % 100 * 100))])
    }
    #expect(!(10_000..<20_000).contains { index.contains(id($0), as: .data) })
    #expect(index.plainLength(of: id(7), as: .data) == 68)
  }

  @Test func aTreeIsNoData() {
    var index = RepositoryIndex()
    index.add(pack: id(0), [entry(1, .tree)])
    #expect(index.contains(id(1), as: .tree))
    #expect(!index.contains(id(1), as: .data))
  }

  @Test func everyCopyIsFoundTheFirstOneFirst() {
    var index = RepositoryIndex()
    index.add(pack: id(10), [entry(1)])
    index.add(pack: id(11), [entry(2), entry(1, at: 100)])
    #expect(index.places(of: id(1), as: .data).map(\.pack) == [id(10), id(11)])
  }

  @Test func aPackThatTwoIndexesNameCountsOnce() {
    var index = RepositoryIndex()
    index.add(pack: id(10), [entry(1)])
    index.add(pack: id(10), [entry(1)])
    #expect(index.blobCount == 1)
    #expect(index.disputed.isEmpty)
    index.add(pack: id(10), [entry(1), entry(2)])
    #expect(index.disputed == [id(10)])
  }

  @Test func anEmptyOneHasNothing() {
    #expect(RepositoryIndex().places(of: id(1), as: .data).isEmpty)
    #expect(RepositoryIndex().entries(of: id(1)) == nil)
  }
}
