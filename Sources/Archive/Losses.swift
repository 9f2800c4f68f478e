import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// What of the archive could not be put on the files, by kind.
struct Losses {
  private var counts: [String: Int] = [:]
  /// Kinds; an archive may name as many attributes as it likes.
  private static let most = 100

  mutating func add(_ what: String) {
    let known = counts[what] != nil || counts.count < Self.most
    counts[known ? what : "further extended attributes", default: 0] += 1
  }

  /// - Parameter result: of a system call; a file system that keeps neither modes nor times refuses them.
  mutating func add(_ what: String, unless result: Int32, of path: String) throws {
    guard result != 0 else { return }
    guard [EPERM, EOPNOTSUPP, ENOSYS].contains(errno) else { throw GoudError.system("set the \(what) of", path) }
    add("the \(what) was refused by the file system")
  }

  var report: [String] {
    counts.sorted { $0.key < $1.key }.map { "\($0.key) (\($0.value) \($0.value == 1 ? "entry" : "entries"))" }
  }
}
