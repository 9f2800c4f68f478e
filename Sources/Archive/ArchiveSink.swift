import CGoudLinux
import GoudCore
import Layout

#if canImport(Glibc)
  import Glibc
#endif

/// How large an archive is, and its SHA-256.
public struct ArchiveDigest: Sendable, Equatable {
  public let bytes: Int64
  public let sha256: String

  public init(bytes: Int64, sha256: String) {
    self.bytes = bytes
    self.sha256 = sha256
  }
}

/// Where an archive goes: a file, an object in a bucket, or both.
public protocol ArchiveSink: Sendable {
  /// What the archive is called once it is published: a path, or where its object is.
  var path: String { get }

  /// The next bytes of the archive; one call at a time.
  func write(_ bytes: UnsafeRawBufferPointer) throws

  /// Puts the checksum, and then the archive, under their names. When it returns, both are durable.
  /// - Returns: of what is stored.
  /// - Throws: `archive.exists`, and what the place throws. Neither is there then.
  func publish(_ archive: ArchiveDigest) throws -> ArchiveDigest

  /// Leaves nothing of an archive that is not published.
  func discard()
}

/// An archive as a file. `<archive>.sha256` appears first, and its signature when there is one: an archive under its final
/// name always has both.
public final class FileSink: ArchiveSink, @unchecked Sendable {
  public let path: String
  private let file: AtomicFile
  private let signer: ArchiveSigner?
  // Of the writing thread.
  private var bytes: Int64 = 0
  /// Up to where write-back has begun, and where what is on its way begins.
  private var started: Int64 = 0
  private var writing: Int64 = 0
  /// Bytes between two beginnings of write-back.
  private static let stride: Int64 = 1 << 20

  /// - Parameter signer: who vouches for it; nil: nobody.
  public init(path: String, signer: ArchiveSigner? = nil) throws {
    self.path = path
    self.signer = signer
    file = try AtomicFile(path: path)
  }

  public func write(_ piece: UnsafeRawBufferPointer) throws {
    try file.file.write(piece)
    bytes += Int64(piece.count)
    // Write back steadily, one stride on its way at a time: a sync of a node on the same device waits for what is before
    // it in the device's queue.
    if bytes - started >= Self.stride {
      goud_await_writeback(file.file.fd, writing, started - writing)
      goud_start_writeback(file.file.fd, started, bytes - started)
      writing = started
      started = bytes
    }
  }

  public func publish(_ archive: ArchiveDigest) throws -> ArchiveDigest {
    KillPoint.reached("archive.streamed")
    try file.file.synchronize()
    KillPoint.reached("archive.synced")
    let checksum = Sidecar.content(archive.sha256, archive: path)
    try AtomicFile.write(checksum, to: BackupName.checksum(of: path), replacing: false)
    var placed = [BackupName.checksum(of: path)]
    KillPoint.reached("archive.checksum-published")
    do {
      if let signer {
        let signature = BackupName.signature(of: path)
        try AtomicFile.write(signer.signature(of: checksum), to: signature, replacing: false)
        placed.append(signature)
        KillPoint.reached("archive.signature-published")
      }
      try file.publish(replacing: false)
    } catch {
      // The archive is not there: `publish` has taken it back.
      for name in placed { unlink(name) }
      throw error
    }
    KillPoint.reached("archive.published")
    return archive
  }

  public func discard() { file.discard() }

  /// Takes a published archive away with what is beside it, the archive first; gone for good when it returns.
  public static func remove(_ archive: String) throws {
    for name in [archive] + BackupName.companions(of: archive) {
      guard unlink(name) == 0 || errno == ENOENT else { throw GoudError.system("remove", name) }
    }
    try FileSystem.synchronize(directory: FileSystem.parent(of: archive))
  }
}
