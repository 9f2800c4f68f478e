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
