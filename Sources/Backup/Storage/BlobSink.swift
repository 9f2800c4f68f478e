import Archive
import BlobStore
import GoudCore
import Layout

/// An archive as an object. `<archive>.sha256` appears first, and its signature when there is one: an archive under its
/// final name always has both.
final class BlobSink: ArchiveSink, @unchecked Sendable {
  let path: String
  private let store: any BlobStore
  private let name: String
  private let upload: any BlobUpload
  private let signer: ArchiveSigner?

  /// - Parameters:
  ///   - estimate: about how many bytes come.
  ///   - signer: who vouches for it; nil: nobody.
  /// - Throws: `blob.exists`, and what keeps the store from being reached.
  init(_ store: any BlobStore, _ name: String, estimate: Int64, signer: ArchiveSigner? = nil) throws {
    self.store = store
    self.signer = signer
    self.name = name
    path = "\(store.location)/\(name)"
    upload = try store.upload(name, estimate: estimate)
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws { try upload.write(bytes) }

  func publish(_ archive: ArchiveDigest) throws -> ArchiveDigest {
    let checksum = Sidecar.content(archive.sha256, archive: name)
    try store.put(checksum, as: BackupName.checksum(of: name))
    KillPoint.reached("archive.object-checksum-published")
    do {
      if let signer { try store.put(signer.signature(of: checksum), as: BackupName.signature(of: name)) }
      try upload.finish()
    } catch {
      do {
        try upload.abandon()
        for companion in BackupName.companions(of: name) { try store.delete(companion) }
      } catch let failure {
        let text = "\(path) is not whole, and may be there all the same: \(failure)"
        throw (error as? GoudError)?.within(text) ?? error
      }
      throw error
    }
    KillPoint.reached("archive.object-published")
    return archive
  }

  func discard() { try? upload.abandon() }
}

/// An archive in two places. It is reported when it is in both; when one of them fails, it is in neither.
final class BothSinks: ArchiveSink {
  var path: String { file.path }
  private let file: FileSink
  private let blob: BlobSink
  private let withdraw: @Sendable () throws -> Void

  /// - Parameter withdraw: takes the object away again.
  init(_ file: FileSink, _ blob: BlobSink, withdraw: @escaping @Sendable () throws -> Void) {
    self.file = file
    self.blob = blob
    self.withdraw = withdraw
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    try file.write(bytes)
    try blob.write(bytes)
  }

  func publish(_ archive: ArchiveDigest) throws -> ArchiveDigest {
    _ = try blob.publish(archive)
    do {
      return try file.publish(archive)
    } catch {
      do {
        try withdraw()
      } catch let failure {
        let text = "the archive is still at \(blob.path), and could not be removed: \(failure)"
        throw (error as? GoudError)?.within(text) ?? error
      }
      throw error
    }
  }

  func discard() {
    file.discard()
    blob.discard()
  }
}
