import Foundation
import GoudCore
import Layout
import Repository

#if canImport(Glibc)
  import Glibc
#endif

/// Files of a volume that is in place, looked at for what a restore need not fetch: tables and blob files, which RocksDB
/// writes once. The node may run meanwhile.
struct PresentFiles {
  private let directory: UntrustedDirectory
  private let index: RepositoryIndex

  /// - Returns: nil when there is no such directory.
  init?(_ path: String, _ index: RepositoryIndex) throws {
    guard try FileSystem.status(path)?.isDirectory == true else { return nil }
    (directory, self.index) = (try UntrustedDirectory(root: path), index)
  }

  /// The file of the same path, open, when it has the same bytes: read, and compared piece by piece with what the repository
  /// says.
  func same(_ entry: FileEntry, _ content: [ObjectID], _ cancellation: Cancellation) throws -> Descriptor? {
    guard case .file(let size) = entry.kind, size > 0, entry.extents == nil, Self.isWrittenOnce(entry.path) else {
      return nil
    }
    guard let file = try directory.file(entry.path, others: .absent), try file.status().st_size == size else {
      return nil
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
