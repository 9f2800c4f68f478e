import Archive
import Backup
import BlobStore
import Foundation
import GoudCore
import Layout
import Volumes

/// Archives in a store. Their paths are the location and their names.
struct StoreShelf: Shelf {
  let stored: StoredBackups
  let environment: String
  private let trust: ArchiveTrust
  /// The objects by name, as they were when the prune began.
  private let blobs: [String: BlobStatus]

  init(_ store: any BlobStore, environment: String, trust: ArchiveTrust) throws {
    stored = StoredBackups(store)
    self.environment = environment
    self.trust = trust
    blobs = Dictionary(try store.list().map { ($0.name, $0) }, uniquingKeysWith: { $1 })
  }

  func archives() throws -> [BackupFacts] {
    blobs.values.compactMap { blob in
      guard let known = BackupName(file: blob.name), known.environment == environment else { return nil }
      return BackupFacts(
        path: "\(stored.store.location)/\(blob.name)", environment: environment, taken: known.moment,
        bytes: ByteCount(blob.bytes), state: .unverified, contents: .untold("nobody has looked yet"))
    }
  }

  func look(_ archive: BackupFacts) throws -> BackupFacts {
    let blob = try blob(archive)
    let record = blobs[BackupName.verification(of: blob.name)] == nil ? nil : try stored.record(of: blob)
    return try archive.described(record, hasChecksum: blobs[BackupName.checksum(of: blob.name)] != nil) {
      try ArchiveReader.metadata(of: archive.path, bytes: BlobBytes(stored.store, blob, whole: false))
    }.unlessUntrusted(trust) { BlobBytes(stored.store, blob, whole: false) }
  }

  func read(_ archive: BackupFacts, _ request: PruneRequest) throws -> Reading {
    var options = ArchiveReadOptions()
    let bytes = try stored.find(FileSystem.name(of: archive.path), whole: true).bytes
    options.bytes = bytes
    if !trust.asksForNothing { options.checksum = try trust.require(archive.path, bytes).checksum }
    options.cancellation = request.cancellation
    options.progress = request.progress
    return try archive.read(options) { try stored.record(of: try blob(archive)) }
  }

  func note(_ finding: VerificationRecord.Finding, of archive: String, now: Date) throws {
    try stored.note(FileSystem.name(of: archive), finding, now: now)
  }

  private func blob(_ archive: BackupFacts) throws -> BlobStatus {
    guard let blob = blobs[FileSystem.name(of: archive.path)] else {
      throw GoudError(.blobNotFound, "there is no \(archive.path)")
    }
    return blob
  }

  func delete(_ archive: String) throws { try stored.delete(FileSystem.name(of: archive)) }

  func orphans(now: Date) throws -> [String] {
    blobs.keys.sorted().filter { name in
      guard let archive = BackupName.archive(of: name), let known = BackupName(file: archive) else { return false }
      return known.environment == environment && blobs[archive] == nil && known.moment < now - 86400
    }
  }

  func removeOrphan(_ path: String) throws { try stored.store.delete(path) }
}
