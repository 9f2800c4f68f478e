import BlobStore
import Foundation
import GoudCore
import Layout
import Repository
import TestSupport
import Testing
import Volumes

@testable import Backup

/// A backup that is damaged keeps the next one from nothing.
@Suite struct DamagedParentTests {
  @Test func aDirectoryOfTheBackupBeforeThatCannotBeReadIsNoReasonToFail() async throws {
    try await withTemporaryDirectory { scratch in
      let (volume, place) = ("\(scratch)/volume", "\(scratch)/repository")
      try FileManager.default.createDirectory(atPath: volume, withIntermediateDirectories: true)
      try await writeDatabase("\(volume)/rocksdb", operations: 2000, ["--write-buffer", "65536"])
      _ = try Repository.create(DirectoryStore(place), password: "p", cost: .init(rounds: 1 << 10))
      func commit() throws -> CommitResult {
        try CommitWorkflow(
          CommitRequest(
            environment: "local", volumes: [Volume(name: "node1_data", path: volume)],
            repository: try Repository.open(DirectoryStore(place), password: "p"), scratch: "\(scratch)/views",
            toolVersion: "test")
        ).run()
      }
      _ = try commit()
      #expect(try commit().knownTables > 0)

      let repository = try Repository.open(DirectoryStore(place), password: "p")
      let index = try repository.loadIndex()
      let newest = try CommitHistory(repository).find("latest")
      let reader = TreeReader(RepositoryReader(repository, index: index))
      let directory = try #require(
        try reader.node(at: "node1_data/rocksdb", below: newest.members[0].snapshot.tree)?.subtree)
      for spot in index.places(of: directory, as: .tree) {
        let path = "\(place)/data/\(spot.pack.hex.prefix(2))/\(spot.pack.hex)"
        let file = try Descriptor.open(path, O_RDWR)
        #expect(pwrite(file.fd, [UInt8](repeating: 0, count: 8), 8, off_t(spot.entry.offset)) == 8)
      }
      let next = try commit()
      #expect(next.knownTables == 0 && next.rescanned)
    }
  }
}
