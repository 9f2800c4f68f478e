import CGoudLinux
import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// How a node that root starts as somebody else gets to what is its own: it begins in a directory that its user may
/// enter, and names everything from there. The directories above it may be closed to that user, as a home of root's is.
struct NodePlace {
  private let user: UInt32
  private let group: UInt32
  private let directory: String?

  /// Enters the directory.
  /// - Parameter user: `uid:gid`, neither of them root's.
  /// - Throws: `usage.invalid`; `io.failed`.
  init(user text: String, directory: String?) throws {
    let numbers = text.split(separator: ":", omittingEmptySubsequences: false).map { UInt32($0) }
    guard numbers.count == 2, let user = numbers[0], let group = numbers[1], user != 0, group != 0 else {
      throw GoudError(.usage, "--become \(text) is not UID:GID of somebody who is not root")
    }
    (self.user, self.group, self.directory) = (user, group, directory)
    guard let directory else { return }
    guard chdir(directory) == 0 else { throw GoudError.system("enter", directory) }
  }

  /// The path as the user reaches it.
  /// - Throws: `usage.invalid` for what is not below the directory.
  func reach(_ path: String) throws -> String {
    guard let directory else { return path }
    guard path.hasPrefix("\(directory)/"), path.utf8.count > directory.utf8.count + 1 else {
      throw GoudError(.usage, "\(path) is not below \(directory)")
    }
    return String(path.dropFirst(directory.count + 1))
  }

  /// The path as the user may see it: what is below the directory from there, anything else where it is.
  func seen(_ path: String) -> String { (try? reach(path)) ?? path }

  /// From here on the process is that user, with no further groups and no powers.
  func become() throws {
    guard goud_become_powerless(user, group) == 0 else {
      throw GoudError.system("become user \(user)", "group \(group)")
    }
  }
}
