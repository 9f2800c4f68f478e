import BlobStore
import Foundation
import GoudCore
import Layout
import TestSupport
import Testing

@testable import Repository

@Suite struct CheckTests {
  /// Two packs of data, one of trees, one index, one snapshot.
  private func fill(_ repository: Repository) throws {
    var options = RepositoryWriter.Options()
    options.packSize = 100_000
    try HandMadeSnapshot.save(
      ["a": [noise(100_000)], "b": [text(400_000), noise(70_000, seed: 2), noise(60_000, seed: 3)]], in: repository,
      options: options)
  }

  private func problems(_ repository: Repository, readData: Bool = true) throws -> [RepositoryProblem] {
    try repository.check(.init(readData: readData ? .all : nil), used: repository.handMadeUse).problems
  }

  @Test func aSoundRepositoryHasNoProblems() async throws {
    try await Place.make { place in
      let repository = try place.create()
      try fill(repository)
      let report = try repository.check(.init(readData: .all), used: repository.handMadeUse)
      #expect(report.problems.isEmpty)
      #expect(report.packs == 3 && report.packsRead == 3 && report.blobs == 5)
      #expect(report.isSound)
    }
  }

  @Test(arguments: Restic.allCases) func whatResticWroteIsSound(_ restic: Restic) async throws {
    try await Place.make(with: restic) { place in
      try await place.sound("init", "--repository-version", "2")
      try Data(noise(3_000_000)).write(to: URL(fileURLWithPath: "\(place.path)/file"))
      try await place.sound("backup", "\(place.path)/file")
      let report = try place.open().check(.init(readData: .all))
      #expect(report.problems.isEmpty)
      #expect(report.packsRead == report.packs && report.packs > 1)
    }
  }

  @Test func thePartsTogetherAreTheWhole() async throws {
    try await Place.make { place in
      let repository = try place.create()
      try fill(repository)
      let read = try (1...5).map { number in
        try repository.check(.init(readData: .init(number, of: 5))).packsRead
      }
      #expect(read.reduce(0, +) == 3)
      #expect(RepositoryCheckOptions.Part(0, of: 5) == nil)
      #expect(RepositoryCheckOptions.Part(6, of: 5) == nil)
      #expect(RepositoryCheckOptions.Part(1, of: 257) == nil)
    }
  }

  /// One bit, anywhere in any pack: the structure is sound, the data is not; and stock restic agrees.
  @Test(arguments: [0, 20, 5000, -1, -5, -60])
  func aBitOfAPackIsFoundByReadingIt(_ offset: Int) async throws {
    try await Place.make { place in
      let repository = try place.create()
      try fill(repository)
      for file in try place.files("data") {
        guard offset < (try Data(contentsOf: URL(fileURLWithPath: file)).count) else { continue }
        try place.flip(file, at: offset)
        // The trees cannot be walked when their own pack is damaged.
        #expect(try repository.check().isSound)
        let report = try repository.check(.init(readData: .all))
        #expect(report.problems.map(\.object) == [file.droppingPrefix(place.location)])
        #expect(!report.isSound)
        #expect(try await place.restic("check", "--read-data").status != 0)
        try place.flip(file, at: offset)
      }
      let left = try problems(repository)
      #expect(left.isEmpty)
    }
  }

  @Test func aPackThatIsCutOrGoneIsFoundWithoutReading() async throws {
    try await Place.make { place in
      let repository = try place.create()
      try fill(repository)
      let files = try place.files("data")
      try place.cut(files[0], to: 100)
      try place.remove(files[1])
      let found = try repository.check().problems
      #expect(Set(found.map(\.object)) == Set(files[..<2].map { $0.droppingPrefix(place.location) }))
      #expect(found.allSatisfy { $0.severity == .damage })
      let index = try repository.loadIndex()
      let reader = RepositoryReader(repository, index: index)
      var lost = 0
      index.forEachPack { id, entries in
        guard files[..<2].contains(where: { $0.hasSuffix(id.hex) }) else { return }
        for entry in entries {
          let error = failure { try reader.load(entry.id, as: entry.kind) }
          #expect(error == nil || error?.code == .repositoryDamaged)
          if error != nil { lost += 1 }
        }
      }
      #expect(lost >= 1)
    }
  }

  @Test func twoPacksThatChangedPlacesAreFound() async throws {
    try await Place.make { place in
      let repository = try place.create()
      try fill(repository)
      let files = try place.files("data")
      try place.swap(files[0], files[1])
      let found = try repository.check(.init(readData: .all)).problems
      #expect(Set(found.map(\.object)).isSuperset(of: files[..<2].map { $0.droppingPrefix(place.location) }))
    }
  }

  @Test func anIndexThatIsDamagedIsFoundAndNothingIsReadByIt() async throws {
    try await Place.make { place in
      let repository = try place.create()
      try fill(repository)
      let file = try #require(try place.files("index").first)
      try place.flip(file, at: 40)
      #expect(failure { try repository.loadIndex() }?.code == .repositoryDamaged)
      let report = try repository.check()
      #expect(report.problems.first { $0.severity == .damage }?.object == file.droppingPrefix(place.location))
      #expect(report.problems.count { $0.severity == .hint } == 3)
      #expect(!report.isSound)
    }
  }

  @Test func anIndexThatIsGoneLeavesSnapshotsWithoutBlobs() async throws {
    try await Place.make { place in
      let repository = try place.create()
      try fill(repository)
      try place.remove(try #require(try place.files("index").first))
      #expect(try repository.check().isSound)
      #expect(try !repository.check(used: repository.handMadeUse).isSound)
    }
  }

  @Test func anUnknownPackIsAHint() async throws {
    try await Place.make { place in
      let repository = try place.create()
      try fill(repository)
      let writer = RepositoryWriter(repository, index: .init())
      try writer.save(noise(17 << 20, seed: 5), as: .data)
      try await waitUntil("the pack") { try repository.list(.data).count == 4 }
      writer.abandon()
      let report = try repository.check()
      #expect(report.isSound)
      #expect(report.problems.map(\.severity) == [.hint])
    }
  }

  @Test func figuresCountEachBlobOnce() async throws {
    try await Place.make { place in
      let repository = try place.create()
      try fill(repository)
      let statistics = try repository.statistics()
      #expect(statistics.packs == 3 && statistics.snapshots == 1 && statistics.indexes == 1)
      #expect(statistics.dataBlobs == 4 && statistics.treeBlobs == 1)
      #expect(statistics.plainBytes > 630_000 && statistics.plainBytes < 632_000)
      #expect(statistics.storedBytes > 230_000 && statistics.storedBytes < 300_000)
    }
  }
}

extension String {
  /// A file's name in the store.
  func droppingPrefix(_ location: String) -> String { String(dropFirst(location.count + 1)) }
}

extension Repository {
  /// Marks what the hand-made snapshots need.
  func handMadeUse(_ loader: any BlobLoader, _ mark: (ObjectID, BlobKind) throws -> Void) throws {
    struct Snapshot: Decodable { let tree: ObjectID }
    for object in try list(.snapshots) {
      let json = try loadUnpacked(object.id, in: .snapshots)
      let tree = try JSONDecoder().decode(Snapshot.self, from: Data(json)).tree
      try mark(tree, .tree)
      for id in try HandMadeSnapshot.content(try loader.load(tree, as: .tree)) { try mark(id, .data) }
    }
  }
}
