import Foundation
import GoudCore
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// A directory as a store: an object is a file, which appears whole, and folders are directories of mode 0700.
///
/// Of two that put one name exactly one succeeds, on every file system (`Placement`). What is not a regular file is no
/// object; links are not followed below the folder that is listed. A folder whose last object was deleted goes too, unless
/// it lies directly in the location.
public final class DirectoryStore: BlobStore {
  public let location: String
  public let requests = RequestCounter()
  public var listsAtOnce: Bool { true }
  private let folders: DirectoryFolders
  private let witness = Mutex<Witness?>(nil)

  /// By what the directory is known to be the one that it was.
  private struct Witness {
    let name: String
    let bytes: [UInt8]
    /// Of the directory in which it was seen last.
    var directory: FileIdentity?
  }

  /// - Parameter path: created, with mode 0700, when something is put there and it is missing.
  public init(_ path: String) {
    location = path
    folders = DirectoryFolders(path)
  }

  private func path(of name: String) -> String { "\(location)/\(name)" }

  /// From now on every call throws `blob.unreachable` while the object is not there as it is now: a disk that went away
  /// leaves an empty directory, or none, and neither is an empty store, or one to write to.
  public func require(_ name: String, holding bytes: [UInt8]) {
    witness.withLock { $0 = Witness(name: name, bytes: bytes) }
  }

  private func checkPlace() throws {
    try witness.withLock { witness in
      guard let expected = witness else { return }
      let now = try open(location, unless: [ENOENT, ENOTDIR])?.status().identity
      if let now, now == expected.directory { return }
      guard let now, let file = try? Descriptor.open(path(of: expected.name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK),
        try file.readAll(limit: expected.bytes.count + 1) == expected.bytes
      else {
        throw GoudError(
          .blobUnreachable, "\(location) is not what it was: its \(expected.name) is gone",
          hint: "mount its disk again, or bring it back to where it was", context: ["location": location])
      }
      witness?.directory = now
    }
  }

  // MARK: BlobStore

  public func list(in folder: String, deep: Bool) throws -> [BlobStatus] {
    try BlobName.check(folder: folder)
    requests.count(.list)
    try checkPlace()
    guard let base = try open(location, unless: [ENOENT]) else { return [] }
    var result: [BlobStatus] = []
    var left = [folder]
    while let folder = left.popLast() {
      let place = folder.isEmpty ? "." : folder
      guard let directory = try open(place, in: base, unless: [ENOENT, ENOTDIR]) else { continue }
      for entry in try FileSystem.knownNames(in: directory) {
        let name = folder.isEmpty ? entry : "\(folder)/\(entry)"
        guard BlobName.isLegal(name), let file = try directory.status(of: entry) else { continue }
        if file.isRegular { result.append(Self.status(name, file)) }
        if file.isDirectory && deep { left.append(name) }
      }
    }
    return result.sorted { $0.name < $1.name }
  }

  public func status(of name: String) throws -> BlobStatus? {
    try BlobName.check(name)
    requests.count(.stat)
    try checkPlace()
    guard let file = try FileSystem.status(path(of: name)), file.isRegular else { return nil }
    return Self.status(name, file)
  }

  public func upload(_ name: String, estimate: Int64) throws -> any BlobUpload {
    requests.count(.put)
    return FileUpload(try begin(name))
  }

  public func put(_ bytes: [UInt8], as name: String) throws {
    requests.count(.put)
    let upload = FileUpload(try begin(name))
    try bytes.withUnsafeBytes(upload.write)
    try upload.finish()
    KillPoint.reached("store.put \(BlobName.folder(of: name))")
  }

  public func read(_ blob: BlobStatus, at offset: Int64, count: Int) throws -> [UInt8] {
    let (file, now) = try file(blob.name)
    guard now == blob else { throw GoudError(.blobChanged, "\(path(of: blob.name)) changed while it was read") }
    return try Self.read(file, now, at: offset, count: count)
  }

  public func read(_ name: String, at offset: Int64, count: Int) throws -> [UInt8] {
    let (file, now) = try file(name)
    return try Self.read(file, now, at: offset, count: count)
  }

  public func delete(_ name: String) throws { try delete([name]) }

  public func delete(_ names: [String]) throws {
    for name in names { try BlobName.check(name) }
    requests.count(.delete, names.count)
    try checkPlace()
    var failure: (any Error)?
    for (folder, names) in Dictionary(grouping: names, by: BlobName.folder) {
      do {
        guard let directory = try open(folders.path(folder), unless: [ENOENT, ENOTDIR]) else { continue }
        for name in names where unlinkat(directory.fd, FileSystem.name(of: name), 0) != 0 {
          guard errno != ENOENT && errno != EISDIR else { continue }
          failure = failure ?? GoudError.system("delete", path(of: name))
        }
        try directory.synchronize()
        KillPoint.reached("store.deleted \(folder)")
        folders.removeEmpty(folder)
      } catch { failure = failure ?? error }
    }
    if let failure { throw failure }
  }

  // MARK: Files

  /// - Parameter absent: what the system says when there is no such directory; nil is returned then.
  private func open(
    _ path: String, in base: Descriptor? = nil, unless absent: [Int32]
  ) throws -> Descriptor? {
    do {
      return try Descriptor.open(path, O_RDONLY | O_DIRECTORY, in: base)
    } catch let error as GoudError where error.systemErrno.map(absent.contains) == true {
      return nil
    }
  }

  private static func status(_ name: String, _ file: stat) -> BlobStatus {
    BlobStatus(
      name: name, bytes: Int64(file.st_size), modified: "\(file.st_ino) \(file.st_mtim.tv_sec).\(file.st_mtim.tv_nsec)")
  }

  private func begin(_ name: String) throws -> AtomicFile {
    try BlobName.check(name)
    try checkPlace()
    guard try FileSystem.status(path(of: name)) == nil else {
      throw GoudError(.blobExists, "\(path(of: name)) is already there")
    }
    let folder = BlobName.folder(of: name)
    var attempts = 0
    while true {
      do {
        try folders.prepare(folder)
        return try AtomicFile(path: path(of: name))
      } catch let error as GoudError where error.systemErrno == ENOENT && attempts < 16 {
        // Another run deleted the last object in it, and the folder with that.
        folders.forget()
        attempts += 1
      }
    }
  }

  /// An object, open, and what it is: never of two files of one name.
  private func file(_ name: String) throws -> (Descriptor, BlobStatus) {
    try BlobName.check(name)
    requests.count(.get)
    try checkPlace()
    let path = path(of: name)
    do {
      let file = try Descriptor.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
      let status = try file.status()
      if status.isRegular { return (file, Self.status(name, status)) }
    } catch let error as GoudError where [ENOENT, ENOTDIR, ELOOP, ENXIO].contains(error.systemErrno ?? 0) {}
    throw GoudError(.blobNotFound, "there is no \(path)")
  }

  private static func read(
    _ file: Descriptor, _ status: BlobStatus, at offset: Int64, count: Int
  ) throws -> [UInt8] {
    guard offset < status.bytes, count > 0 else { return [] }
    let count = Int(min(Int64(count), status.bytes - offset))
    return try [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
      used = try file.read(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
    }
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
