import Archive
import BlobStore
import Foundation
import GoudCore

/// The archives in a store.
public struct StoredBackups: Sendable {
  let store: any BlobStore

  public init(_ store: any BlobStore) { self.store = store }

  /// Newest first; those without readable metadata last.
  public func list() throws -> [BackupCatalog.Backup] {
    let blobs = try store.list()
    let names = Set(blobs.map(\.name))
    return try blobs.filter { BackupCatalog.isArchive($0.name) }.map { try backup($0, names) }
      .sorted { ($0.metadata?.timestamp ?? .distantPast) > ($1.metadata?.timestamp ?? .distantPast) }
  }

  /// An archive by its name.
  /// - Parameter whole: whether all of it will be read.
  /// - Returns: how it is called in messages, and its bytes.
  /// - Throws: `archive.not-found`, and what keeps the store from being reached.
  public func find(_ name: String, whole: Bool) throws -> (path: String, bytes: any ArchiveBytes) {
    guard !name.isEmpty, !name.contains("/"), let blob = try store.status(of: name) else {
      // A bucket that is not there is another matter.
      _ = try store.list()
      throw GoudError(
        .archiveNotFound, "there is no archive \(name) in \(store.location)",
        hint: "goud backup list -c \(store.location) shows what there is")
    }
    return ("\(store.location)/\(name)", BlobBytes(store, blob, whole: whole))
  }

  public func metadata(of name: String) throws -> BackupMetadata {
    let (path, bytes) = try find(name, whole: false)
    return try ArchiveReader.metadata(of: path, bytes: bytes)
  }

  /// Notes that an archive was read whole and every checksum agreed, or that it is damaged.
  func note(_ name: String, _ report: ArchiveReport?) throws {
    guard let blob = try store.status(of: name), report?.checksummed != false else { return }
    let record = VerificationRecord(blob, report, now: Date())
    let path = VerificationRecord.path(of: name)
    try store.delete(path)
    try store.put(try record.encoded(), as: path)
  }

  /// Takes an archive away, with what is beside it: the archive first.
  func delete(_ name: String) throws {
    for name in [name, Sidecar.path(of: name), VerificationRecord.path(of: name)] { try store.delete(name) }
  }

  private func backup(_ blob: BlobStatus, _ names: Set<String>) throws -> BackupCatalog.Backup {
    let path = "\(store.location)/\(blob.name)"
    let metadata = try? ArchiveReader.metadata(of: path, bytes: BlobBytes(store, blob, whole: false))
    let record = names.contains(VerificationRecord.path(of: blob.name)) ? try self.record(of: blob) : nil
    return BackupCatalog.Backup(
      path: path, bytes: blob.bytes,
      state: .init(metadata, record, hasChecksum: names.contains(Sidecar.path(of: blob.name))),
      verified: record?.passed == true ? record?.verified : nil, metadata: metadata)
  }

  private func record(of blob: BlobStatus) throws -> VerificationRecord? {
    guard let found = try store.status(of: VerificationRecord.path(of: blob.name)) else { return nil }
    let bytes = try store.read(found, at: 0, count: 1 << 20)
    return VerificationRecord.decoded(bytes).flatMap { $0.object == blob.modified && $0.bytes == blob.bytes ? $0 : nil }
  }
}

extension BackupCatalog.Backup.State {
  init(_ metadata: BackupMetadata?, _ record: VerificationRecord?, hasChecksum: Bool) {
    self =
      if let metadata {
        if record?.passed == false {
          .damaged
        } else if !hasChecksum {
          .incomplete
        } else {
          metadata.volumes.allSatisfy(\.unproven.isEmpty) ? .complete : .unproven
        }
      } else {
        .unreadable
      }
  }
}
