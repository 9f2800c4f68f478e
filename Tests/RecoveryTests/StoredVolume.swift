import BlobStore
import Foundation
import GoudCore
import Layout
import Repository
import RocksDB
import TestSupport
import Testing
import Volumes

@testable import Backup
@testable import Restore

#if canImport(Glibc)
  import Glibc
#endif

/// A volume among an environment's, and a repository of it whose reads are counted.
struct StoredVolume {
  let root: String
  let store: MeteredStore
  let repository: Repository
  static let name = "node1_data"

  init(_ root: String) throws {
    self.root = root
    store = MeteredStore(DirectoryStore("\(root)/repository"))
    repository = try Repository.create(store, password: "p", cost: .init(rounds: 1 << 10))
  }

  var volumes: String { "\(root)/volumes" }
  var path: String { "\(volumes)/\(Self.name)" }

  /// Writes a database: a table for each of these, and a log.
  func write(_ tables: Range<Int>, database: String = "rocksdb", bytes: Int = 100_000) throws {
    let directory = "\(path)/\(database)"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let database = try Database(directory: directory)
    let noise = try Descriptor.open("/dev/urandom", O_RDONLY)
    for table in tables {
      let value = try [UInt8](unsafeUninitializedCapacity: bytes) { buffer, used in
        used = try noise.read(into: UnsafeMutableRawBufferPointer(buffer), at: 0)
      }
      try database.put(value, for: Array("table\(table)".utf8))
      try database.flush()
    }
    try database.put(Array("log".utf8), for: Array("log".utf8), sync: true)
  }

  func file(_ name: String, _ bytes: [UInt8]) throws {
    let path = "\(path)/\(name)"
    try FileManager.default.createDirectory(atPath: FileSystem.parent(of: path), withIntermediateDirectories: true)
    try Data(bytes).write(to: URL(fileURLWithPath: path))
  }

  @discardableResult
  func commit() throws -> Commit {
    let request = CommitRequest(
      environment: "local", volumes: [Volume(name: Self.name, path: path)], repository: repository,
      scratch: "\(root)/scratch", toolVersion: "test")
    let id = try CommitWorkflow(request).run().id
    return try CommitHistory(repository).find(id)
  }

  /// A commit and its tail as they come to an empty directory.
  @discardableResult
  func extract(_ commit: Commit, to name: String, _ change: (inout CommitExtraction) -> Void = { _ in }) throws
    -> String
  {
    let made = "\(root)/\(name)"
    try FileManager.default.createDirectory(atPath: made, withIntermediateDirectories: true)
    var extraction = CommitExtraction(repository, try repository.loadIndex())
    change(&extraction)
    _ = try extraction.run(commit, into: [Self.name: made])
    return made
  }

  func restore(_ commit: Commit, present: [String] = []) throws -> Restore {
    let source = try RestoreSource.repository(
      commit, CommitTail(commit, in: repository), in: repository, present: [Self.name: present])
    return Restore(RestoreRequest(target: .directory(volumes)), from: source)
  }

  /// Every file below a directory, but for what locks and diaries are.
  func content(_ directory: String) throws -> [String: Data] {
    var files: [String: Data] = [:]
    for name in try FileManager.default.subpathsOfDirectory(atPath: directory) {
      let status = try FileSystem.status("\(directory)/\(name)")
      guard status?.isRegular == true, !["LOCK", "LOG"].contains(FileSystem.name(of: name)),
        !FileSystem.name(of: name).hasPrefix("LOG.old")
      else { continue }
      files[name] = try Data(contentsOf: URL(fileURLWithPath: "\(directory)/\(name)"))
    }
    return files
  }

  /// Whether a restore has made files of the volume already.
  var isGrowing: Bool {
    let names = (try? FileManager.default.subpathsOfDirectory(atPath: volumes)) ?? []
    return names.count { $0.contains("restore-") && $0.hasSuffix(".sst") } > 2
  }

  /// What restores have left beside the volume, or in it.
  func hidden() throws -> [String] {
    try (FileSystem.names(in: volumes) + FileSystem.names(in: path)).filter { $0.hasPrefix(".") }.sorted()
  }
}
