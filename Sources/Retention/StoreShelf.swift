import Archive
import Backup
import BlobStore
import Foundation
import GoudCore

/// Archives in a store. Their paths are the location and their names.
struct StoreShelf: Shelf {
  let stored: StoredBackups
  let environment: String

  func facts() throws -> [BackupFacts] {
    let blobs = try stored.store.list()
    let names = Set(blobs.map(\.name))
    return try blobs.compactMap { blob in
      guard let known = BackupName(file: blob.name), known.environment == environment else { return nil }
      let record = names.contains(VerificationRecord.path(of: blob.name)) ? try stored.record(of: blob) : nil
      return BackupFacts(
        path: "\(stored.store.location)/\(blob.name)", environment: environment, taken: known.moment,
        bytes: ByteCount(blob.bytes),
        state: .init(record, hasChecksum: names.contains(Sidecar.path(of: blob.name))),
        volumes: record?.passed == true ? record!.volumes : try named(blob))
    }
  }

  private func named(_ blob: BlobStatus) throws -> [String] {
    guard !blob.name.hasSuffix(SealedSink.suffix) else { return [] }
    let (path, bytes) = try stored.find(blob.name, whole: false)
    return (try? ArchiveReader.metadata(of: path, bytes: bytes).volumes.map(\.name)) ?? []
  }

  func holds(_ archive: String, _ request: PruneRequest) throws -> Bool {
    let name = FileSystem.name(of: archive)
    guard let blob = try stored.store.status(of: name), let record = try stored.record(of: blob), record.passed else {
      return false
    }
    if record.isFresh(request.now) { return true }
    let (path, bytes) = try stored.find(name, whole: true)
    var options = ArchiveReadOptions()
    options.bytes = bytes
    options.cancellation = request.cancellation
    options.progress = request.progress
    do {
      guard name.hasSuffix(SealedSink.suffix) else {
        try stored.note(name, .passed(try ArchiveVerifier.verify(path: path, options: options)), now: request.now)
        return true
      }
      guard try ArchiveReader.compareChecksum(of: path, options: options).sha256 == record.sha256 else { return false }
      try stored.renew(record, now: request.now)
      return true
    } catch let error as GoudError where error.code.exitStatus == .corrupt {
      try stored.note(name, .damaged, now: request.now)
      return false
    }
  }

  func delete(_ archive: String) throws { try stored.delete(FileSystem.name(of: archive)) }

  func removeOrphans(now: Date) throws {
    let names = try stored.store.list().map(\.name)
    for name in names {
      guard let suffix = [".sha256", ".verified.json"].first(where: { name.hasSuffix($0) }) else { continue }
      let archive = String(name.dropLast(suffix.count))
      guard let known = BackupName(file: archive), known.environment == environment, !names.contains(archive),
        known.moment < now - 86400
      else { continue }
      try stored.store.delete(name)
    }
  }
}
