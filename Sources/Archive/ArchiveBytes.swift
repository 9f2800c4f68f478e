import GoudCore
import Layout
import Minisign

#if canImport(Glibc)
  import Glibc
#endif

/// The bytes of an archive, wherever they are, and the checksum beside it.
public protocol ArchiveBytes: Sendable {
  /// nil: known at the end only.
  var size: Int64? { get }

  /// Reads up to `buffer.count` bytes at `offset`; fewer only at the end.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws -> Int

  /// The content of `<archive>.sha256`; nil when there is none.
  func checksum() throws -> [UInt8]?

  /// The content of `<archive>.sha256.minisig`, or the beginning of it when it is too long to be one; nil when there is
  /// none.
  func signature() throws -> [UInt8]?

  /// Called when all of it was read.
  /// - Parameter read: of what was read.
  /// - Returns: of what the checksum is of.
  func finish(_ read: ArchiveDigest) throws -> ArchiveDigest
}

extension ArchiveBytes {
  public func finish(_ read: ArchiveDigest) -> ArchiveDigest { read }
}

/// An archive that is a file. Reads ahead by itself, one buffer.
struct FileBytes: ArchiveBytes {
  let file: Descriptor
  let size: Int64?

  init(_ file: Descriptor) throws {
    self.file = file
    size = Int64(try file.status().st_size)
  }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws -> Int {
    posix_fadvise(file.fd, off_t(offset) + buffer.count, buffer.count, POSIX_FADV_WILLNEED)
    return try file.read(into: buffer, at: offset)
  }

  func checksum() throws -> [UInt8]? {
    try beside(BackupName.checksum(of: file.path)) { try $0.readAll(limit: 16 << 10) }
  }

  func signature() throws -> [UInt8]? {
    try beside(BackupName.signature(of: file.path)) { companion in
      var bytes = [UInt8](repeating: 0, count: Signature.limit + 1)
      let count = try bytes.withUnsafeMutableBytes { try companion.read(into: $0, at: 0) }
      return Array(bytes[..<count])
    }
  }

  private func beside(_ path: String, _ read: (Descriptor) throws -> [UInt8]) throws -> [UInt8]? {
    do {
      return try read(try Descriptor.open(path, O_RDONLY | O_NONBLOCK))
    } catch let error as GoudError where error.systemErrno == ENOENT {
      return nil
    }
  }
}
