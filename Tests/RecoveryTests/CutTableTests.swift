import Archive
import Backup
import Foundation
import GoudCore
import TestSupport
import Testing
import Volumes

#if canImport(Glibc)
  import Glibc
#endif

/// RocksDB's `SstFileManager` cuts what it deletes, bit by bit, and so what a backup holds of it.
@Suite struct CutTableTests {
  /// When the first archive is begun, the database replaces its tables, and the old ones are cut.
  private final class Cutting: ProgressSink, @unchecked Sendable {
    let database: RawDatabase
    let tables: [Descriptor]
    var archives = 0

    init(_ database: RawDatabase, tables: [Descriptor]) {
      self.database = database
      self.tables = tables
    }

    func begin(_ title: String, total: ByteCount) {
      guard title == "archive v" else { return }
      archives += 1
      guard archives == 1 else { return }
      database.compact()
      for table in tables { ftruncate(table.fd, 100) }
    }
    func advance(_ bytes: Int) {}
    func end() {}
  }

  @Test func aBackupWhoseTablesAreCutBeginsAgain() throws {
    try inTemporaryDirectory { scratch in
      let volume = "\(scratch)/volume"
      try FileManager.default.createDirectory(atPath: "\(volume)/db", withIntermediateDirectories: true)
      let database = try RawDatabase("\(volume)/db")
      for _ in 0..<2 {
        for key in ["a", "b"] { try database.put(key, bytes: 2000) }
        try database.flush()
      }
      let names = try FileSystem.names(in: "\(volume)/db").filter { $0.hasSuffix(".sst") }
      let tables = try names.map { try Descriptor.open("\(volume)/db/\($0)", O_RDWR) }
      var request = BackupRequest(
        environment: "local", volumes: [Volume(name: "v", path: volume)], directory: "\(scratch)/backups",
        compression: .none, toolVersion: "test")
      let cutting = Cutting(database, tables: tables)
      request.progress = cutting
      let result = try BackupWorkflow(request).run()
      #expect(result.verified && cutting.archives == 2)
      var verification = BackupVerification(archive: result.archive)
      verification.level = .database
      #expect(try verification.run().databases.map(\.path) == ["v/db"])
    }
  }
}
