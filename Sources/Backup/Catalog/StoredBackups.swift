public import Archive
public import BlobStore
package import Foundation
import GoudCore
import Layout
public import Minisign
public import Volumes

/// The archives in a store.
public struct StoredBackups: Sendable {
  package let store: any BlobStore
  private let keys: [VerifyingKey]

  /// - Parameter keys: whose signatures count; with any, what none of them has signed is untrusted.
  public init(_ store: any BlobStore, trusting keys: [VerifyingKey] = []) {
    self.store = store
    self.keys = keys
  }

  /// Newest first; those without readable metadata last.
  public func list() throws -> [BackupCatalog.Backup] {
    let blobs = try store.list()
    let names = Set(blobs.map(\.name))
    return try blobs.filter { BackupName.isArchive($0.name) }.map { try backup($0, names) }.newestFirst()
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

  /// Notes what came of reading an archive.
  package func note(_ name: String, _ finding: VerificationRecord.Finding, now: Date = Date()) throws {
    guard finding.counts, let blob = try store.status(of: name) else { return }
    var record = VerificationRecord(blob.name, bytes: blob.bytes, finding, now: now)
    record.object = blob.modified
    try put(record)
  }

  private func put(_ record: VerificationRecord) throws {
    let path = BackupName.verification(of: record.archive)
    try store.delete(path)
    try store.put(try record.encoded(), as: path)
  }

  /// Takes an archive away, with what is beside it: the archive first.
  package func delete(_ name: String) throws {
    for name in [name] + BackupName.companions(of: name) { try store.delete(name) }
  }

  private func backup(_ blob: BlobStatus, _ names: Set<String>) throws -> BackupCatalog.Backup {
    let path = "\(store.location)/\(blob.name)"
    return BackupCatalog.Backup(
      path: path, bytes: blob.bytes,
      metadata: blob.name.isSealed
        ? nil : try? ArchiveReader.metadata(of: path, bytes: BlobBytes(store, blob, whole: false)),
      record: names.contains(BackupName.verification(of: blob.name)) ? try record(of: blob) : nil,
      hasChecksum: names.contains(BackupName.checksum(of: blob.name)),
      signature: names.contains(BackupName.signature(of: blob.name)) ? try signature(of: blob) : .none,
      mustBeTrusted: !keys.isEmpty)
  }

  /// What is known of who vouches for this object.
  package func signature(of blob: BlobStatus) throws -> ArchiveSignature {
    let bytes = BlobBytes(store, blob, whole: false)
    return ArchiveSignature(
      of: blob.name, checksum: try bytes.checksum(), signature: try bytes.signature(), keys: keys)
  }

  /// The record of this very object; nil when there is none.
  package func record(of blob: BlobStatus) throws -> VerificationRecord? {
    guard let found = try store.status(of: BackupName.verification(of: blob.name)) else { return nil }
    let bytes = try store.read(found, at: 0, count: 1 << 20)
    return VerificationRecord.decoded(bytes).flatMap { $0.object == blob.modified && $0.bytes == blob.bytes ? $0 : nil }
  }
}
