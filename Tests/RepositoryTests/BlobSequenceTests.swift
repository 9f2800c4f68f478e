import BlobStore
import Foundation
import GoudCore
import Layout
import Synchronization
import TestSupport
import Testing

@testable import Repository

/// Blobs in the order in which they are asked for.
@Suite struct BlobSequenceTests {
  /// A repository with blobs of these lengths.
  private func with(
    _ lengths: [Int], _ body: (Repository, RepositoryReader, [(id: ObjectID, bytes: [UInt8])]) throws -> Void
  ) async throws {
    try await Place.make { place in
      let repository = try place.create()
      var options = RepositoryWriter.Options()
      options.packSize = 1 << 20
      let writer = RepositoryWriter(repository, index: .init(), options: options)
      let blobs = try lengths.enumerated().map { number, length in
        let bytes = noise(length, seed: UInt64(number))
        return (try writer.save(bytes, as: .data).id, bytes)
      }
      try writer.finish()
      try body(repository, RepositoryReader(repository, index: try repository.loadIndex()), blobs)
    }
  }

  @Test func blobsAndNotesComeInTheOrderInWhichTheyWereAskedFor() async throws {
    try await with((0..<300).map { 10 + $0 * 97 }) { repository, reader, blobs in
      var order = (0..<1000).map { ($0 &* 7919) % 300 }
      order.insert(0, at: 1)
      let came = Mutex<[String]>([])
      let sequence = BlobSequence<Int>(reader) { item in
        switch item {
        case .note(let number): came.withLock { $0.append("note \(number)") }
        case .blob(let bytes): came.withLock { $0.append("\(ObjectID(sha256Of: bytes))") }
        }
      }
      let before = repository.store.requests.counts
      for (number, index) in order.enumerated() {
        try sequence.submit(number)
        try sequence.submit(blob: blobs[index].id)
      }
      try sequence.finish()
      let expected = order.enumerated().flatMap { ["note \($0)", "\(blobs[$1].id)"] }
      #expect(came.withLock { $0 } == expected)
      // 4 MB in packs of 1 MiB.
      #expect((repository.store.requests.counts - before)[.get] < 20)
    }
  }

  @Test func aBlobLargerThanAllThatIsAskedForTogetherComesAlone() async throws {
    try await with([1000, 40 << 20, 1000]) { _, reader, blobs in
      let came = Mutex<[Int]>([])
      let sequence = BlobSequence<Void>(reader) { item in
        if case .blob(let bytes) = item { came.withLock { $0.append(bytes.count) } }
      }
      for index in [0, 1, 2, 1, 0] { try sequence.submit(blob: blobs[index].id) }
      try sequence.finish()
      #expect(came.withLock { $0 } == [1000, 40 << 20, 1000, 40 << 20, 1000])
    }
  }

  @Test func noMoreIsOnItsWayThanTheBound() async throws {
    try await with([10]) { _, reader, _ in
      let asked = Atomic(0)
      let came = Atomic(0)
      let most = Mutex(0)
      let sequence = BlobSequence<Int>(reader) { _ in
        let ahead = asked.load(ordering: .sequentiallyConsistent) - came.add(1, ordering: .relaxed).newValue
        most.withLock { $0 = max($0, ahead) }
      }
      for number in 0..<100 {
        try sequence.submit(number, weight: 8 << 20)
        asked.add(1, ordering: .sequentiallyConsistent)
      }
      try sequence.finish()
      // Of 8 MiB: two times four are on their way, and four are being gathered.
      #expect(most.withLock { $0 } <= 12)
    }
  }

  @Test func whoAsksHearsOfAnErrorAndWaitsForNothing() async throws {
    try await with([1000]) { repository, reader, blobs in
      struct Failure: Error {}
      let sequence = BlobSequence<Int>(reader) { _ in throw Failure() }
      #expect(throws: Failure.self) {
        for number in 0..<100 { try sequence.submit(number, weight: 20 << 20) }
      }
      try sequence.finish(abandoning: true)
      let unknown = BlobSequence<Int>(reader) { _ in }
      #expect(failure { try unknown.submit(blob: ObjectID(sha256Of: [1])) }?.code == .repositoryDamaged)
      try unknown.finish(abandoning: true)
      for pack in try repository.list(.data) {
        try repository.store.delete("data/\(pack.id.hex.prefix(2))/\(pack.id.hex)")
      }
      let gone = BlobSequence<Int>(reader) { _ in }
      try gone.submit(blob: blobs[0].id)
      #expect(failure { try gone.finish() }?.code == .repositoryDamaged)
    }
  }
}
