import Archive
import Foundation
import GoudCore
import RocksDB
import TestSupport
import Testing

@testable import Backup
@testable import Restore
@testable import Retention

/// Volumes in a directory, and a backup that is a directory too: what is tested here begins where the archive ends.
struct RestoreFixture {
  let root: String
  var volumes: String { "\(root)/volumes dir\nü" }
  var backup: String { "\(root)/backup" }

  init(_ root: String) throws {
    self.root = root
    for path in [volumes, backup] {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
  }

  func path(_ name: String) -> String { "\(volumes)/\(name)" }

  /// A volume whose database says `content`.
  @discardableResult
  func make(_ path: String, _ content: String, database: String = "rocksdb") throws -> String {
    let directory = database == "." ? path : "\(path)/\(database)"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let open = try Database(directory: directory)
    try open.put(Array(content.utf8), for: [1])
    try open.flush()
    try open.put(Array(content.utf8), for: [2], sync: true)
    return path
  }

  /// What the database of a volume says; nil when there is none.
  func content(_ name: String) throws -> String? {
    guard try FileSystem.status("\(path(name))/rocksdb/CURRENT") != nil else { return nil }
    let database = try Database(directory: "\(path(name))/rocksdb", readOnly: true)
    let values = try [1, 2].map { try database.value(for: [$0]).map { String(decoding: $0, as: UTF8.self) } }
    guard values[0] == values[1] else { throw TestFailure("a mix: \(values)") }
    return values[0]
  }

  /// A backup of volumes that say `content`; with the identities of what is there now, unless `foreign`.
  func source(_ names: [String], _ content: String = "new", foreign: Bool = false, described: Bool = true) throws
    -> RestoreSource
  {
    let volumes = try names.map { name in
      let made = try make("\(backup)/\(name)", content)
      let identity = "\(path(name))/rocksdb/IDENTITY"
      if !foreign, FileManager.default.fileExists(atPath: identity) {
        try FileManager.default.removeItem(atPath: "\(made)/rocksdb/IDENTITY")
        try FileManager.default.copyItem(atPath: identity, toPath: "\(made)/rocksdb/IDENTITY")
      }
      return BackupMetadata.Volume(
        name: name, files: 9, bytes: 100_000,
        databases: described ? [try self.database("\(made)/rocksdb")] : [])
    }
    let stored = backup
    return RestoreSource(
      name: "goud-chain-backup-local-20261123-120000", environment: "local", volumes: volumes, isDescribed: described
    ) { building in
      for (name, directory) in building.directories {
        for file in try FileSystem.names(in: "\(stored)/\(name)") {
          try building.cancellation.check()
          try FileManager.default.copyItem(atPath: "\(stored)/\(name)/\(file)", toPath: "\(directory)/\(file)")
        }
      }
      return []
    }
  }

  private func database(_ directory: String) throws -> BackupMetadata.Database {
    let identity = try String(contentsOfFile: "\(directory)/IDENTITY", encoding: .utf8)
    return BackupMetadata.Database(
      path: "rocksdb", identity: identity.trimmingCharacters(in: .whitespacesAndNewlines), sequence: 2,
      columnFamilies: ["default"], estimatedKeys: 2, optionsFile: nil, writtenBy: nil, provenBy: nil)
  }

  func restore(_ source: RestoreSource, _ change: (inout RestoreRequest) -> Void = { _ in }) -> Restore {
    var request = RestoreRequest(target: .directory(volumes))
    change(&request)
    return Restore(request, from: source)
  }

  func rollback() -> Rollback { Rollback(.newest(directory: volumes)) }

  /// What lies beside the volumes.
  func hidden() throws -> [String] { try FileSystem.names(in: volumes).filter { $0.hasPrefix(".") }.sorted() }

  func copies(_ name: String) throws -> [SafetyCopy] { try SafetyCopy.all(of: VolumePlace(path(name))) }

  /// Everything below the volumes: names, sizes, times, and the content of small files.
  func tree() async throws -> String {
    let script =
      "cd \"$1\" && find . -printf '%p %y %m %s %T@\\n' | sort && find . -type f -print0 | sort -z | xargs -0 -r md5sum"
    return try await Programs.run("sh", ["-c", script, "tree", volumes]).output
  }
}

/// The error that `body` ends with.
func failure(_ body: () throws -> Void, _ location: SourceLocation = #_sourceLocation) -> GoudError? {
  do {
    try body()
    Issue.record("it went through", sourceLocation: location)
  } catch let error as GoudError {
    return error
  } catch {
    Issue.record(error, sourceLocation: location)
  }
  return nil
}
