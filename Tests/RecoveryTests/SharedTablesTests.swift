import BlobStore
import Foundation
import GoudCore
import Repository
import TestSupport
import Testing
import Volumes

@testable import Backup

/// Nodes that hold the same.
@Suite struct SharedTablesTests {
  /// Which database wrote a table, and when, lies in its end.
  @Test func whatSeveralNodesWroteAtTheSamePaceIsStoredOnce() async throws {
    try await withTemporaryDirectory { scratch in
      let keys = (0..<2000).map { "\($0) \(UUID())" }
      let volumes = try ["node1", "node2", "node3"].map { name in
        let path = "\(scratch)/\(name)_data"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        // Of format 6, RocksDB 9's own choice, every block's checksum is of this table alone.
        let database = try RawDatabase("\(path)/rocksdb", "block_based_table_factory={format_version=5}")
        for key in keys { try database.put(key) }
        try database.flush()
        return Volume(name: "\(name)_data", path: path)
      }
      let repository = try Repository.create(
        DirectoryStore("\(scratch)/repository"), password: "p", cost: .init(rounds: 1 << 10))
      let tables = try volumes.flatMap { volume in
        try FileManager.default.contentsOfDirectory(atPath: "\(volume.path)/rocksdb").filter { $0.hasSuffix(".sst") }
          .map { try Data(contentsOf: URL(filePath: "\(volume.path)/rocksdb/\($0)")) }
      }
      let bytes = tables[0].count
      try #require(tables.count == 3 && Set(tables).count == 3 && tables.allSatisfy { $0.count == bytes })
      try #require(bytes > 10 * CommitPass.tableEndBytes)

      let made = try await onThread {
        try CommitWorkflow(
          CommitRequest(
            environment: "local", volumes: volumes, repository: repository, scratch: "\(scratch)/views",
            toolVersion: "test")
        ).run()
      }
      #expect(made.reusedBytes >= 2 * Int64(bytes - CommitPass.tableEndBytes))
      // Each is whole all the same.
      let commit = try CommitHistory(repository).find(made.id)
      let places = Dictionary(uniqueKeysWithValues: volumes.map { ($0.name, "\(scratch)/made/\($0.name)") })
      for path in places.values {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      }
      _ = try CommitExtraction(repository, try repository.loadIndex()).run(commit, into: places)
      for path in places.values { #expect(try Set(RawDatabase("\(path)/rocksdb").keys()) == Set(keys)) }
      let checked = try await Programs.run(
        "restic", ["-r", "\(scratch)/repository", "--no-cache", "-q", "check", "--read-data"],
        environment: ["RESTIC_PASSWORD": "p"])
      #expect(checked.status == 0, "\(checked.output)\(checked.errors)")
    }
  }
}
