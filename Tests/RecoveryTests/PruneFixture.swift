import Archive
import BlobStore
import Foundation
import GoudCore
import Layout
import RocksDB
import TestSupport
import Testing
import Volumes

@testable import Backup
@testable import Restore
@testable import Retention

/// Real archives of real databases, with names that say how old they are.
struct PruneFixture {
  let root: String
  let now = BackupStamp.date("20261123-120000")!
  var backups: String { "\(root)/backups" }
  var volumes: String { "\(root)/volumes" }

  init(_ root: String) throws {
    self.root = root
    for path in [backups, volumes] {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
  }

  /// Makes a volume, or writes to it: each time it has come further.
  @discardableResult
  func write(_ name: String) throws -> Volume {
    let path = "\(volumes)/\(name)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    try Database(directory: "\(path)/db").put([1], for: [1], sync: true)
    return Volume(name: name, path: path)
  }

  /// An archive of volumes as it was made `age` days ago, read whole.
  @discardableResult
  func archive(_ age: Double, _ names: [String] = ["v"], recipient: String? = nil) throws -> String {
    var request = BackupRequest(
      environment: "local", volumes: try names.map { try write($0) }, directory: backups, compression: .gzip,
      toolVersion: "test")
    request.recipient = recipient
    let made = try BackupWorkflow(request).run().archive
    let stamp = BackupStamp.text(now.addingTimeInterval(-age * 86400))
    let path = "\(backups)/goud-chain-backup-local-\(stamp).tar.gz\(recipient == nil ? "" : ".age")"
    let record = try #require(try VerificationRecord.read(of: made))
    for name in [made, "\(made).sha256", "\(made).verified.json"] where made != path {
      try FileManager.default.moveItem(atPath: name, toPath: path + name.dropFirst(made.count))
    }
    try Data(Sidecar.content(record.sha256, archive: path)).write(to: URL(fileURLWithPath: "\(path).sha256"))
    try change(path) { $0.archive = FileSystem.name(of: path) }
    return path
  }

  /// Changes an archive's record.
  func change(_ archive: String, _ body: (inout VerificationRecord) -> Void) throws {
    let url = URL(fileURLWithPath: BackupName.verification(of: archive))
    var record = try #require(VerificationRecord.decoded(Array(try Data(contentsOf: url))))
    body(&record)
    try Data(try record.encoded()).write(to: url)
  }

  /// Damages an archive in a way that neither its size nor its time shows.
  func damage(_ archive: String) throws {
    let file = try Descriptor.open(archive, O_RDWR)
    let status = try file.status()
    #expect(pwrite(file.fd, "x", 1, status.st_size / 2) == 1)
    #expect(futimens(file.fd, [status.st_mtim, status.st_mtim]) == 0)
  }

  func request(_ change: (inout PruneRequest) -> Void = { _ in }) -> PruneRequest {
    var request = PruneRequest(
      environment: "local", backups: backups, volumes: volumes, backupDays: 30, safetyCopyDays: 7)
    request.now = now
    // The files here are of today, whatever day that is.
    request.fileClock = { _ in nil }
    change(&request)
    return request
  }

  func prune(_ change: (inout PruneRequest) -> Void = { _ in }) throws -> PruneReport {
    try Prune(request(change)).run()
  }

  /// The archives that are there.
  func archives() throws -> Set<String> {
    Set(try FileSystem.names(in: backups).filter(BackupName.isArchive).map { "\(backups)/\($0)" })
  }
}

extension PruneReport {
  var gone: Set<String> { Set((backups + safetyCopies).filter(\.deleted).map(\.path)) }

  func reason(_ path: String) -> String? { (backups + safetyCopies).first { $0.path == path }?.reason }
}

extension FaultyStore {
  /// Some objects cannot be read at the moment.
  convenience init(_ store: any BlobStore, withoutAnswerFor names: Set<String>) {
    self.init(store) { call in
      if case .read(let name) = call, names.contains(name) { return .refused }
      return .done
    }
  }
}
