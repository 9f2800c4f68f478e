import CGoudLinux
import Foundation
import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// A private directory for the view, and files without names for the copies; all gone when the process is.
///
/// Holds links and `CURRENT` only, a few kilobytes. A directory left by a killed process is removed by the next run
/// (`removeLeftovers`).
final class Scratch: Sendable {
  let path: String
  private static let prefix = ".goud-view-"

  /// - Parameter parent: a directory that exists and may be written to; it needs room for the logs' copies.
  init(in parent: String) throws {
    Self.removeLeftovers(in: parent)
    var template = Array("\(parent)/\(Self.prefix)\(getpid())-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw GoudError.system("create a directory in", parent) }
    path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
  }

  deinit { Self.remove(path) }

  /// A file that has no name any more.
  func anonymousFile() throws -> Descriptor {
    let name = "\(path)/copy"
    let file = try Descriptor.open(name, O_RDWR | O_CREAT | O_EXCL)
    unlink(name)
    return file
  }

  /// Removes the views of processes that are gone.
  static func removeLeftovers(in parent: String) {
    for name in (try? FileSystem.names(in: parent)) ?? [] where name.hasPrefix(prefix) {
      guard let pid = name.dropFirst(prefix.count).split(separator: "-").first.flatMap({ pid_t($0) }),
        kill(pid, 0) != 0, errno == ESRCH
      else { continue }
      remove("\(parent)/\(name)")
    }
  }

  private static func remove(_ directory: String) {
    for name in (try? FileSystem.names(in: directory)) ?? [] { unlink("\(directory)/\(name)") }
    rmdir(directory)
  }
}

extension Descriptor {
  /// Copies `count` bytes from the start of this file to the end of `target`, inside the kernel where it can.
  /// - Returns: how many there were to copy.
  func copy(to target: Descriptor, count: Int64) throws -> Int64 {
    var offset: Int64 = 0
    while offset < count {
      let step = goud_copy_file_range(fd, &offset, target.fd, UInt(min(count - offset, 64 << 20)))
      if step == 0 { break }
      if step < 0 {
        guard [EXDEV, EINVAL, ENOSYS, EOPNOTSUPP].contains(errno) else { throw GoudError.system("copy", path) }
        return try copyThroughMemory(to: target, from: offset, count: count)
      }
    }
    return offset
  }

  private func copyThroughMemory(to target: Descriptor, from start: Int64, count: Int64) throws -> Int64 {
    var offset = start
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
    defer { buffer.deallocate() }
    while offset < count {
      let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(min(count - offset, 1 << 20))])
      let got = try read(into: piece, at: offset)
      if got == 0 { break }
      try target.write(UnsafeRawBufferPointer(rebasing: piece[..<got]))
      offset += Int64(got)
    }
    return offset
  }

  /// Whether the first `count` bytes of both files are the same.
  func holdsSame(as other: Descriptor, count: Int64) throws -> Bool {
    let piece = 1 << 18
    let mine = UnsafeMutableRawBufferPointer.allocate(byteCount: piece, alignment: 4096)
    let theirs = UnsafeMutableRawBufferPointer.allocate(byteCount: piece, alignment: 4096)
    defer {
      mine.deallocate()
      theirs.deallocate()
    }
    var offset: Int64 = 0
    while offset < count {
      let want = Int(min(count - offset, Int64(piece)))
      let got = try read(into: .init(rebasing: mine[..<want]), at: offset)
      guard try other.read(into: .init(rebasing: theirs[..<want]), at: offset) == got,
        memcmp(mine.baseAddress!, theirs.baseAddress!, got) == 0
      else { return false }
      if got < want { return got == Int(count - offset) }
      offset += Int64(got)
    }
    return true
  }
}
