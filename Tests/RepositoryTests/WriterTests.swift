import BlobStore
import Foundation
import GoudCore
import Layout
import Synchronization
import TestSupport
import Testing

@testable import Repository

@Suite struct WriterTests {
  /// Empty, small, large, compressible and not, a blob of the largest size.
  private static let files: [String: [[UInt8]]] = [
    "empty": [], "small": [[1, 2, 3]], "noise": [noise(5_000_000)],
    "text": [text(3_000_000), text(1_000_000, seed: 9)],
    "same": [noise(5_000_000)], "zero": [[UInt8](repeating: 0, count: 1 << 20)],
  ]

  @Test(arguments: Restic.allCases) func resticChecksAndRestoresWhatGoudWrites(_ restic: Restic) async throws {
    try await Place.make(with: restic) { place in
      let repository = try place.create()
      try HandMadeSnapshot.save(Self.files, in: repository)
      try await place.judge()
      try await place.sound("restore", "latest", "--target", "\(place.path)/out")
      for (name, pieces) in Self.files {
        let restored = try Data(contentsOf: URL(fileURLWithPath: "\(place.path)/out/\(name)"))
        #expect(Array(restored) == pieces.flatMap { $0 }, "\(name)")
      }
      // Nothing is left for restic to tidy up.
      let said = try await restic.run(["prune"], on: place.location, password: Place.password)
      #expect(said.status == 0)
      #expect(said.output.contains("to repack:             0 blobs"), "\(said.output)")
      #expect(said.output.contains("to delete:             0 blobs"), "\(said.output)")
    }
  }

  @Test func aBlobOf64MiBIsWrittenAndReadAndALargerOneRefused() async throws {
    try await Place.make { place in
      let repository = try place.create()
      let blob = noise(64 << 20)
      let writer = RepositoryWriter(repository, index: .init())
      let saved = try writer.save(blob, as: .data)
      #expect(failure { try writer.save(blob + [0], as: .data) }?.code == .internalFault)
      try writer.finish()
      let reader = RepositoryReader(repository, index: try repository.loadIndex())
      let read = try reader.load(saved.id, as: .data)
      #expect(read == blob)
    }
  }

  @Test(arguments: Restic.allCases) func goudReadsWhatResticWrites(_ restic: Restic) async throws {
    try await Place.make(with: restic) { place in
      try await place.sound("init", "--repository-version", "2")
      let source = "\(place.path)/source"
      try FileManager.default.createDirectory(atPath: source, withIntermediateDirectories: false)
      for (name, pieces) in Self.files {
        try Data(pieces.flatMap { $0 }).write(to: URL(fileURLWithPath: "\(source)/\(name)"))
      }
      _ = try await restic.run(["-q", "backup", "."], on: place.location, password: Place.password, in: source)
      let repository = try place.open()
      let index = try repository.loadIndex()
      let reader = RepositoryReader(repository, index: index)
      // Every blob of every pack.
      var blobs = 0
      try index.forEachPack { _, entries in
        for entry in entries {
          let blob = try reader.load(entry.id, as: entry.kind)
          #expect(blob.count == entry.plainLength)
          blobs += 1
        }
      }
      #expect(blobs == index.blobCount && blobs > 5)
      // Every file through the snapshot's tree.
      struct Snapshot: Decodable { let tree: ObjectID }
      struct Tree: Decodable {
        struct Node: Decodable {
          let name: String
          let content: [ObjectID]?
        }
        let nodes: [Node]
      }
      let id = try #require(try repository.list(.snapshots).first?.id)
      let snapshot = try JSONDecoder().decode(
        Snapshot.self, from: Data(try repository.loadUnpacked(id, in: .snapshots)))
      let tree = try JSONDecoder().decode(Tree.self, from: Data(try reader.load(snapshot.tree, as: .tree)))
      #expect(Set(tree.nodes.map(\.name)) == Set(Self.files.keys))
      for node in tree.nodes {
        let bytes = try (node.content ?? []).flatMap { try reader.load($0, as: .data) }
        #expect(bytes == Self.files[node.name]?.flatMap { $0 }, "\(node.name)")
      }
    }
  }

  @Test func theSameBlobIsStoredOnce() async throws {
    try await Place.make { place in
      let repository = try place.create()
      let writer = RepositoryWriter(repository, index: .init())
      let first = try writer.save(noise(1000), as: .data)
      #expect(first.isNew && first.storedBytes == 1032)
      #expect(try writer.save(noise(1000), as: .data) == SavedBlob(id: first.id, isNew: false, storedBytes: 0))
      // A tree of the same bytes is another blob.
      #expect(try writer.save(noise(1000), as: .tree).isNew)
      #expect(try writer.finish().blobs == 2)
      let second = RepositoryWriter(repository, index: try repository.loadIndex())
      #expect(try !second.save(noise(1000), as: .data).isNew)
      #expect(try second.finish() == .init())
      #expect(try place.files("data").count == 2)
      #expect(try place.files("index").count == 1)
    }
  }

  @Test func manyThreadsStoreEachBlobOnceAndRunInBounds() async throws {
    try await Place.make { place in
      let repository = try place.create()
      var options = RepositoryWriter.Options()
      options.packSize = 200_000
      options.budget = 500_000
      let writer = RepositoryWriter(repository, index: .init(), options: options)
      let new = Mutex(0)
      DispatchQueue.concurrentPerform(iterations: 8) { thread in
        for number in 0..<100 {
          let blob = noise(1000 + number * 300, seed: UInt64((number + thread * 13) % 100 + 1))
          if (try? writer.save(blob, as: number.isMultiple(of: 5) ? .tree : .data).isNew) == true {
            new.withLock { $0 += 1 }
          }
        }
      }
      let summary = try writer.finish()
      #expect(summary.blobs == new.withLock { $0 })
      let index = try repository.loadIndex()
      #expect(index.blobCount == summary.blobs)
      #expect(index.packCount == summary.packs)
      #expect(summary.packs > 10)
      index.forEachPack { _, entries in #expect(Set(entries.map(\.kind)).count == 1) }
      try await place.judge()
    }
  }

  /// Packs fill slowly with what shrinks a thousandfold, and a tree may be larger than everything that may be on its way.
  @Test(arguments: [BlobKind.data, .tree])
  func whatShrinksAndWhatIsHugeIsNotWaitedForForever(_ kind: BlobKind) async throws {
    try await Place.make { place in
      let repository = try place.create()
      var options = RepositoryWriter.Options()
      options.packSize = 100_000
      options.budget = 300_000
      let writer = RepositoryWriter(repository, index: .init(), options: options)
      try writer.save(noise(50_000), as: .data)
      try writer.save(noise(50_000), as: .tree)
      for number in 0..<20 {
        try writer.save([UInt8](repeating: UInt8(number), count: 1_000_000), as: kind)
      }
      try writer.save(noise(2_000_000, seed: 3), as: kind)
      #expect(try writer.finish().blobs == 23)
      #expect(try repository.check(.init(readData: .all)).problems.isEmpty)
    }
  }

  /// What was put is not indexed before all of it is there, and nothing is said to be there that is not.
  @Test func aStoreThatFailsEndsEverything() async throws {
    try await Place.make { place in
      let repository = try place.create()
      let failing = FaultyStore(place.store, goneAfter: 3)
      let broken = try Repository.open(failing, password: Place.password)
      var options = RepositoryWriter.Options()
      options.packSize = 100_000
      options.budget = 300_000
      let writer = RepositoryWriter(broken, index: .init(), options: options)
      let error = failure {
        for number in 0..<100 { _ = try writer.save(noise(50_000, seed: UInt64(number + 1)), as: .data) }
        try writer.finish()
      }
      writer.abandon()
      #expect(error?.code == .blobUnreachable)
      #expect(try place.files("index").isEmpty)
      #expect(try repository.loadIndex().blobCount == 0)
    }
  }

  @Test func anAbandonedRunLeavesNoIndex() async throws {
    try await Place.make { place in
      let writer = RepositoryWriter(try place.create(), index: .init())
      try writer.save(noise(20 << 20), as: .data)
      writer.abandon()
      #expect(failure { try writer.save(noise(10), as: .data) }?.code == .interrupted)
      #expect(try place.files("index").isEmpty)
    }
  }

  @Test func manyBlobsComeWithFewRequests() async throws {
    try await Place.make { place in
      let repository = try place.create()
      let writer = RepositoryWriter(repository, index: .init())
      let blobs = (0..<200).map { noise(5000, seed: UInt64($0 + 1)) }
      let ids = try blobs.map { try writer.save($0, as: .data).id }
      try writer.finish()
      let index = try repository.loadIndex()
      let before = repository.store.requests.counts
      var got: [ObjectID: [UInt8]] = [:]
      try RepositoryReader(repository, index: index).load(ids + ids, as: .data) { got[$0] = $1 }
      #expect(got.count == 200)
      #expect(zip(ids, blobs).allSatisfy { got[$0] == $1 })
      #expect(repository.store.requests.counts[.get] - before[.get] == 1)
    }
  }
}
