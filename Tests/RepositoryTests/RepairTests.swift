import BlobStore
import Foundation
import GoudCore
import Layout
import TestSupport
import Testing

@testable import Repository

@Suite struct RepairTests {
  private func fill(_ repository: Repository) throws {
    var options = RepositoryWriter.Options()
    options.packSize = 100_000
    try HandMadeSnapshot.save(["a": [noise(100_000)], "b": [noise(70_000, seed: 2)]], in: repository, options: options)
    try HandMadeSnapshot.save(["c": [text(100_000)], "d": [noise(90_000, seed: 3)]], in: repository, options: options)
  }

  @Test func aSoundIndexIsLeftAlone() async throws {
    try await Place.make { place in
      let repository = try place.create()
      try fill(repository)
      let before = try place.files("index")
      let report = try repository.repairIndex()
      #expect(report.replaced.isEmpty && report.packsRead == 0)
      let all = try repository.repairIndex(readAll: true)
      #expect(all.replaced.isEmpty && all.packsRead == all.packs)
      #expect(try place.files("index") == before)
    }
  }

  @Test(arguments: ["flip", "cut", "remove", "remove all"])
  func aLostIndexIsMadeAnewFromThePacks(_ damage: String) async throws {
    try await Place.make { place in
      let repository = try place.create()
      try fill(repository)
      let files = try place.files("index")
      #expect(files.count == 2)
      switch damage {
      case "flip": try place.flip(files[0], at: 50)
      case "cut": try place.cut(files[0], to: 60)
      case "remove": try place.remove(files[0])
      default: for file in files { try place.remove(file) }
      }
      let report = try repository.repairIndex()
      #expect(report.packsRead > 0 && report.missing.isEmpty && report.unreadable.isEmpty)
      let checked = try repository.check(.init(readData: .all), used: repository.handMadeUse)
      #expect(checked.problems.isEmpty, "\(checked.problems)")
      try await place.judge()
      #expect(try place.files("locks").isEmpty)
    }
  }

  @Test func aPackThatIsGoneIsForgottenAndSaid() async throws {
    try await Place.make { place in
      let repository = try place.create()
      try fill(repository)
      let file = try #require(try place.files("data").first)
      try place.remove(file)
      let report = try repository.repairIndex()
      #expect(report.missing.map(\.hex) == [FileSystem.name(of: file)])
      #expect(try repository.check().isSound)
      let index = try repository.loadIndex()
      #expect(index.packCount == report.packs)
    }
  }

  @Test func aPackWithoutAHeaderStaysAndIsSaid() async throws {
    try await Place.make { place in
      let repository = try place.create()
      try fill(repository)
      let file = try #require(try place.files("data").first)
      try place.cut(file, to: 100)
      let report = try repository.repairIndex()
      #expect(report.unreadable.map(\.hex) == [FileSystem.name(of: file)])
      #expect(try place.files("data").contains(file))
    }
  }

  /// After every single change, the store is gone: another repair ends it.
  @Test func aRepairThatIsCutOffAnywhereIsEndedByAnother() async throws {
    for cuts in 0..<4 {
      try await Place.make { place in
        let repository = try place.create()
        try fill(repository)
        try place.flip(try #require(try place.files("index").first), at: 50)
        let broken = try Repository.open(FaultyStore(place.store, goneAfter: cuts), password: Place.password)
        #expect(failure { try broken.repairIndex() }?.code == .blobUnreachable)
        try repository.unlock(all: true)
        try repository.repairIndex()
        let report = try repository.check(.init(readData: .all), used: repository.handMadeUse)
        #expect(report.problems.isEmpty, "after \(cuts) changes: \(report.problems)")
        try await place.judge()
      }
    }
  }

  @Test func nothingIsRepairedWhileOthersAreAtWork() async throws {
    try await Place.make { place in
      let repository = try place.create()
      try fill(repository)
      let lock = try repository.lock(exclusive: false, settle: 0)
      #expect(failure { try repository.repairIndex() }?.code == .repositoryLocked)
      try lock.release()
    }
  }
}
