import BlobStore
import Foundation
import GoudCore
import Layout
import TestSupport
import Testing

@testable import Repository

@Suite struct PruneTests {
  private static let small = {
    var options = RepositoryWriter.Options()
    options.packSize = 100_000
    return options
  }()

  /// Two snapshots that share one blob.
  private func fill(_ repository: Repository) throws -> [ObjectID] {
    try [
      HandMadeSnapshot.save(
        ["a": [noise(60_000), noise(50_000, seed: 2)], "b": [noise(70_000, seed: 3)]], in: repository,
        options: Self.small),
      HandMadeSnapshot.save(["a": [noise(60_000)], "c": [text(90_000)]], in: repository, options: Self.small),
    ]
  }

  private func sound(_ repository: Repository, _ place: Place) async throws {
    let report = try repository.check(.init(readData: .all), used: repository.handMadeUse)
    #expect(report.problems.isEmpty, "\(report.problems)")
    try await place.judge()
  }

  @Test func withAllSnapshotsNothingGoes() async throws {
    try await Place.make { place in
      let repository = try place.create()
      _ = try fill(repository)
      let before = try place.files("data") + place.files("index")
      let report = try repository.prune(used: repository.handMadeUse)
      #expect(report.packsDropped == 0 && report.packsRepacked == 0 && report.bytesFreed == 0)
      #expect(try place.files("data") + place.files("index") == before)
    }
  }

  @Test func whatOnlyAForgottenSnapshotNeededGoes() async throws {
    try await Place.make { place in
      let repository = try place.create()
      let ids = try fill(repository)
      try repository.remove([ids[0]], in: .snapshots)
      let said = try repository.prune(maxUnused: 0, isDry: true, used: repository.handMadeUse)
      let before = try place.files("data")
      #expect(said.bytesFreed > 110_000)
      #expect(try place.files("data") == before)
      let report = try repository.prune(maxUnused: 0, used: repository.handMadeUse)
      #expect(report == said)
      let index = try repository.loadIndex()
      #expect(index.contains(ObjectID(sha256Of: noise(60_000)), as: .data))
      #expect(!index.contains(ObjectID(sha256Of: noise(70_000, seed: 3)), as: .data))
      #expect(index.blobCount == 3)
      try await sound(repository, place)
      try await place.sound("restore", "latest", "--target", "\(place.path)/out")
      let restored = try Data(contentsOf: URL(fileURLWithPath: "\(place.path)/out/c"))
      #expect(Array(restored) == text(90_000))
      let again = try repository.prune(maxUnused: 0, used: repository.handMadeUse)
      #expect(again.bytesFreed == 0 && again.packsRepacked == 0)
    }
  }

  @Test func aLittleWasteStays() async throws {
    try await Place.make { place in
      let repository = try place.create()
      let ids = try fill(repository)
      try repository.remove([ids[0]], in: .snapshots)
      let report = try repository.prune(maxUnused: 1, used: repository.handMadeUse)
      #expect(report.packsRepacked == 0)
      #expect(report.packsDropped > 0)
      try await sound(repository, place)
    }
  }

  @Test func packsThatNoIndexKnowsGo() async throws {
    try await Place.make { place in
      let repository = try place.create()
      _ = try fill(repository)
      let packs = try place.files("data")
      let writer = RepositoryWriter(repository, index: .init(), options: Self.small)
      try writer.save(noise(150_000, seed: 9), as: .data)
      try await waitUntil("the pack") { try repository.list(.data).count > packs.count }
      writer.abandon()
      let report = try repository.prune(used: repository.handMadeUse)
      #expect(report.packsUnknown == 1)
      #expect(try place.files("data") == packs)
      try await sound(repository, place)
    }
  }

  @Test func copiesOfABlobAreMadeOne() async throws {
    try await Place.make { place in
      let repository = try place.create()
      _ = try fill(repository)
      // As two runs do that know nothing of each other.
      let writer = RepositoryWriter(repository, index: .init())
      try writer.save(noise(60_000), as: .data)
      try writer.finish()
      let before = try repository.loadIndex()
      #expect(before.places(of: ObjectID(sha256Of: noise(60_000)), as: .data).count == 2)
      try repository.prune(maxUnused: 0, used: repository.handMadeUse)
      let after = try repository.loadIndex()
      #expect(after.places(of: ObjectID(sha256Of: noise(60_000)), as: .data).count == 1)
      try await sound(repository, place)
    }
  }

  /// What restic left and what it forgot, by Goud.
  @Test(arguments: Restic.allCases) func whatResticForgotIsPruned(_ restic: Restic) async throws {
    try await Place.make(with: restic) { place in
      try await place.sound("init", "--repository-version", "2")
      for seed in [UInt64(1), 2] {
        try Data(noise(2_000_000, seed: seed)).write(to: URL(fileURLWithPath: "\(place.path)/file"))
        try await place.sound("backup", "--host", "h", "\(place.path)/file")
      }
      try await place.sound("forget", "--keep-last", "1")
      let repository = try place.open()
      let report = try repository.prune(maxUnused: 0, used: repository.resticUse)
      #expect(report.bytesFreed > 1_900_000)
      try await place.judge()
      try await place.sound("restore", "latest", "--target", "\(place.path)/out")
    }
  }

  @Test func aSnapshotThatNeedsWhatIsNotThereStopsEverything() async throws {
    try await Place.make { place in
      let repository = try place.create()
      let ids = try fill(repository)
      try repository.remove([ids[0]], in: .snapshots)
      let before = try place.files("data") + place.files("index")
      let error = failure {
        try repository.prune { loader, mark in
          try repository.handMadeUse(loader, mark)
          try mark(ObjectID(sha256Of: [77]), .data)
        }
      }
      #expect(error?.code == .repositoryDamaged)
      #expect(try place.files("data") + place.files("index") == before)
      #expect(try place.files("locks").isEmpty)
    }
  }

  @Test func aPackThatIsNeededAndGoneStopsEverything() async throws {
    try await Place.make { place in
      let repository = try place.create()
      let ids = try fill(repository)
      try repository.remove([ids[0]], in: .snapshots)
      let index = try repository.loadIndex()
      let pack = try #require(index.places(of: ObjectID(sha256Of: text(90_000)), as: .data).first?.pack)
      try repository.remove([pack], in: .data)
      let before = try place.files("data") + place.files("index")
      #expect(failure { try repository.prune(used: repository.handMadeUse) }?.code == .repositoryDamaged)
      #expect(try place.files("data") + place.files("index") == before)
    }
  }

  /// After every single change, the store is gone: what is there then is whole, and another prune ends it.
  @Test func aPruneThatIsCutOffAnywhereLeavesAWholeRepository() async throws {
    var cuts = 0
    while true {
      var hasFailed = false
      try await Place.make { place in
        let repository = try place.create()
        let ids = try fill(repository)
        try repository.remove([ids[0]], in: .snapshots)
        let failing = FaultyStore(place.store, goneAfter: cuts)
        let broken = try Repository.open(failing, password: Place.password)
        _ = failure { try broken.prune(maxUnused: 0, options: Self.small, used: broken.handMadeUse) }
        hasFailed = failing.hasFailed
        try repository.unlock(all: true)
        let report = try repository.check(.init(readData: .all), used: repository.handMadeUse)
        #expect(report.isSound, "after \(cuts) changes: \(report.problems)")
        try await place.judge("after \(cuts) changes")
        try repository.prune(maxUnused: 0, used: repository.handMadeUse)
        try await sound(repository, place)
        let index = try repository.loadIndex()
        #expect(index.blobCount == 3)
      }
      guard hasFailed else { break }
      cuts += 1
    }
    #expect(cuts >= 6)
  }

  @Test func nothingGoesWhileOthersAreAtWork() async throws {
    try await Place.make { place in
      let repository = try place.create()
      _ = try fill(repository)
      let lock = try repository.lock(exclusive: false, settle: 0)
      #expect(failure { try repository.prune(used: repository.handMadeUse) }?.code == .repositoryLocked)
      try lock.release()
    }
  }
}

extension Repository {
  /// Marks what restic's snapshots need: all trees.
  fileprivate func resticUse(_ loader: any BlobLoader, _ mark: (ObjectID, BlobKind) throws -> Void) throws {
    struct Snapshot: Decodable { let tree: ObjectID }
    struct Tree: Decodable {
      struct Node: Decodable {
        let content: [ObjectID]?
        let subtree: ObjectID?
      }
      let nodes: [Node]
    }
    func walk(_ id: ObjectID) throws {
      try mark(id, .tree)
      let tree = try JSONDecoder().decode(Tree.self, from: Data(try loader.load(id, as: .tree)))
      for node in tree.nodes {
        for id in node.content ?? [] { try mark(id, .data) }
        if let subtree = node.subtree { try walk(subtree) }
      }
    }
    for object in try list(.snapshots) {
      let json = try loadUnpacked(object.id, in: .snapshots)
      try walk(try JSONDecoder().decode(Snapshot.self, from: Data(json)).tree)
    }
  }
}
