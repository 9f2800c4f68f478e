import BlobStore
import Foundation
import GoudCore
import Repository
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// A repository whose disk goes away while it is open.
@Suite struct VanishedPlaceTests {
  @Test func aPlaceThatWentAwayIsNeitherEmptyNorWrittenTo() async throws {
    try await withTemporaryDirectory { root in
      let place = "\(root)/repository"
      _ = try Repository.create(DirectoryStore(place), password: "of this test", cost: .init(rounds: 1 << 10))
      let repository = try Repository.open(DirectoryStore(place), password: "of this test")
      #expect(try repository.snapshots().isEmpty)
      try FileManager.default.moveItem(atPath: place, toPath: "\(root)/away")
      for isEmptyDirectory in [false, true] {
        if isEmptyDirectory { #expect(mkdir(place, 0o700) == 0) }
        let calls: [() throws -> Void] = [
          { _ = try repository.snapshots() }, { _ = try repository.loadIndex() },
          { _ = try repository.lock(exclusive: false, settle: 0) },
          { try repository.store.put([1], as: "tail/x") }, { try repository.store.delete("tail/x") },
          { _ = try repository.store.read("config") }, { _ = try repository.store.status(of: "config") },
        ]
        for call in calls {
          let error = #expect(throws: GoudError.self) { try call() }
          #expect(error?.code == .blobUnreachable)
        }
        #expect((try? FileSystem.names(in: place)) ?? [] == [])
      }
      try FileManager.default.removeItem(atPath: place)
      try FileManager.default.moveItem(atPath: "\(root)/away", toPath: place)
      try repository.store.put([1], as: "tail/x")
      #expect(try repository.store.read("tail/x") == [1])
      // Another repository in its place is not it either.
      try FileManager.default.moveItem(atPath: place, toPath: "\(root)/away")
      _ = try Repository.create(DirectoryStore(place), password: "of this test", cost: .init(rounds: 1 << 10))
      let error = #expect(throws: GoudError.self) { try repository.store.put([2], as: "tail/y") }
      #expect(error?.code == .blobUnreachable)
    }
  }
}
