import Foundation
import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// A directory as a store: an object is a file, which appears whole.
public struct DirectoryStore: BlobStore {
  public let location: String

  /// - Parameter path: created, with mode 0700, when something is put there and it is missing.
  public init(_ path: String) { location = path }

  private func path(of name: String) -> String { "\(location)/\(name)" }

  public func list() throws -> [BlobStatus] {
    guard try FileSystem.status(location) != nil else { return [] }
    return try FileSystem.knownNames(in: location).filter { !$0.hasPrefix(".") }.sorted().compactMap {
      try status(of: $0)
    }
  }

  public func status(of name: String) throws -> BlobStatus? {
    guard let file = try FileSystem.status(path(of: name)), file.isRegular else { return nil }
    return BlobStatus(
      name: name, bytes: Int64(file.st_size), modified: "\(file.st_ino) \(file.st_mtim.tv_sec).\(file.st_mtim.tv_nsec)")
  }

  public func upload(_ name: String, estimate: Int64) throws -> any BlobUpload {
    guard try status(of: name) == nil else { throw GoudError(.blobExists, "\(path(of: name)) is already there") }
    do {
      try FileSystem.makePrivateDirectory(location)
    } catch let error as GoudError {
      throw GoudError(error.code, "cannot create \(location)", hint: "name another place with -c", cause: error)
    }
    try Leftovers(in: location).remove()
    return FileUpload(try AtomicFile(path: path(of: name)))
  }

  public func read(_ blob: BlobStatus, at offset: Int64, count: Int) throws -> [UInt8] {
    guard let now = try status(of: blob.name) else {
      throw GoudError(.blobNotFound, "there is no \(path(of: blob.name))")
    }
    guard now == blob else { throw GoudError(.blobChanged, "\(path(of: blob.name)) changed while it was read") }
    let file = try Descriptor.open(path(of: blob.name), O_RDONLY)
    return try [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
      used = try file.read(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
    }
  }

  public func delete(_ name: String) throws {
    guard unlink(path(of: name)) == 0 else {
      if errno == ENOENT { return }
      throw GoudError.system("delete", path(of: name))
    }
    try FileSystem.synchronize(directory: location)
  }
}

private final class FileUpload: BlobUpload, @unchecked Sendable {
  private let file: AtomicFile

  init(_ file: AtomicFile) { self.file = file }

  func write(_ bytes: UnsafeRawBufferPointer) throws { try file.file.write(bytes) }

  func finish() throws {
    do {
      try file.publish(replacing: false)
    } catch let error as GoudError where error.code == .archiveExists {
      throw GoudError(.blobExists, error.message)
    }
  }

  func abandon() { file.discard() }
}
