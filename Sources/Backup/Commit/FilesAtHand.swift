import CGoudLinux
import Foundation
import GoudCore
import Layout
import Repository

#if canImport(Glibc)
  import Glibc
#endif

/// Files on this machine, looked at for what a restore need not fetch: each is read, and compared piece by piece with what
/// the repository says.
struct FilesAtHand {
  private let directory: UntrustedDirectory
  private let index: RepositoryIndex
  /// Whether somebody may go on with the files: then only those that RocksDB writes once may have a second name.
  private let areInUse: Bool
  /// Whether each file must be brought to the device before it is read.
  private let areLoose: Bool

  /// A volume that is in place, whose node may run meanwhile, or a copy of one.
  /// - Returns: nil when there is no such directory.
  init?(volume path: String, _ index: RepositoryIndex) throws {
    guard try FileSystem.status(path)?.isDirectory == true else { return nil }
    (directory, self.index) = (try UntrustedDirectory(root: path), index)
    (areInUse, areLoose) = (true, false)
  }

  /// What an interrupted restore has made, perhaps a moment ago: whatever of it is right must be on the device to count.
  init(leftover directory: UntrustedDirectory, _ index: RepositoryIndex) throws {
    (self.directory, self.index, areInUse) = (directory, index, false)
    let file = directory.descriptor.fd
    areLoose = goud_syncs_whole_file_system(file) == 0
    guard areLoose || goud_syncfs(file) == 0 else {
      throw GoudError.system("write back the file system of", directory.path)
    }
  }

  /// The file of the same path, open, when it has the same bytes.
  func same(_ entry: FileEntry, _ content: [ObjectID], _ cancellation: Cancellation) throws -> Descriptor? {
    guard case .file(let size) = entry.kind, size > 0, entry.extents == nil else { return nil }
    guard let file = try directory.file(entry.path, others: .absent) else { return nil }
    let status = try file.status()
    guard status.st_size == size, Self.isWrittenOnce(entry.path) || !areInUse && status.st_nlink == 1 else {
      return nil
    }
    if !areInUse {
      if areLoose { try file.synchronize() }
      // Read what the device has.
      posix_fadvise(file.fd, 0, 0, POSIX_FADV_DONTNEED)
    }
    var offset: Int64 = 0
    for id in content {
      try cancellation.check()
      guard let count = index.plainLength(of: id, as: .data) else { return nil }
      let bytes = try [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
        used = try file.read(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
      }
      guard bytes.count == count, ObjectID(sha256Of: bytes) == id else { return nil }
      offset += Int64(count)
    }
    return offset == size ? file : nil
  }

  private static func isWrittenOnce(_ path: String) -> Bool {
    [".sst", ".ldb", ".blob"].contains { path.hasSuffix($0) }
  }
}
