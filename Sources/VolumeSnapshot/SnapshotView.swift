import Foundation
import GoudCore
import RocksDB

#if canImport(Glibc)
  import Glibc
#endif

/// Steps 5 and 6 of a snapshot: a private directory in which RocksDB finds the captured files under their names.
///
/// Links lead to `/proc/self/fd/N`, so the view stays whole when the node deletes every one of the files. It lives as
/// long as this object.
final class SnapshotView: Sendable {
  let path: String
  private let scratch: Scratch
  private let directory: Temporary
  private let manifest: Descriptor
  private let manifestName: String
  /// What is shown of damaged logs.
  private let prefixes: [Descriptor]

  init(of capture: DatabaseCapture, _ scratch: Scratch) throws {
    self.scratch = scratch
    directory = try scratch.view()
    path = directory.path
    manifest = try scratch.anonymousFile()
    manifestName = capture.manifest.name
    let copied = try capture.manifest.file.copy(from: 0, to: capture.manifestSize, into: manifest)
    guard copied == capture.manifestSize else {
      throw GoudError(.volumeFileChanged, "\(capture.manifest.file.path) shrank while it was read")
    }
    let shown = try capture.logs.map { try $0.readable(scratch) }
    prefixes = shown
    try link(capture.manifest.name, to: manifest)
    for held in capture.tables.files.values { try link(held.name, to: held.file) }
    for (log, shown) in zip(capture.logs, shown) { try link(log.name, to: shown) }
    for file in [capture.options, capture.identity, capture.current].compactMap({ $0 }) { try write(file) }
  }

  /// The `MANIFEST` up to the noted size.
  var manifestCopy: Descriptor { manifest }

  /// A file without a name, for as long as it is held.
  func anonymousFile() throws -> Descriptor { try scratch.anonymousFile() }

  /// Shows `other` in the place of the `MANIFEST` while `body` runs.
  func showing<Result>(_ other: Descriptor, _ body: () throws -> Result) throws -> Result {
    unlink("\(path)/\(manifestName)")
    try link(manifestName, to: other)
    let result = Swift.Result { try body() }
    unlink("\(path)/\(manifestName)")
    try link(manifestName, to: manifest)
    return try withExtendedLifetime(other) { try result.get() }
  }

  /// Where there are no links at all, RocksDB gets a copy.
  private func link(_ name: String, to file: Descriptor) throws {
    if symlinkat("/proc/self/fd/\(file.fd)", directory.content.fd, name) == 0 { return }
    guard [EPERM, EACCES, EOPNOTSUPP, ENOSYS, EINVAL].contains(errno) else {
      throw GoudError.system("link", "\(path)/\(name)")
    }
    let size = Int64(try file.status().st_size)
    let copy = try Descriptor.open(name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, in: directory.content)
    guard try file.copy(from: 0, to: size, into: copy) == size else {
      throw GoudError(.volumeFileChanged, "\(file.path) shrank while it was read")
    }
  }

  private func write(_ file: DatabaseCapture.SmallFile) throws {
    try Descriptor.open(file.name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, in: directory.content).write(file.bytes)
  }
}
