#if canImport(Glibc)
  import Glibc
#endif

/// How many files this process may hold open. A snapshot holds every table of a volume, a node every client's connection,
/// so both want many.
public enum DescriptorLimit {
  /// Raises the limit as far as the system allows (root: to `fs.nr_open`) and returns it. Idempotent.
  @discardableResult
  public static func raise() -> Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
    if let ceiling = systemCeiling(), ceiling > limit.rlim_max {
      var higher = rlimit(rlim_cur: ceiling, rlim_max: ceiling)
      if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &higher) == 0 { return Int(ceiling) }
    }
    limit.rlim_cur = limit.rlim_max
    _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    return Int(limit.rlim_cur)
  }

  /// How many this process has open now.
  package static func open() throws -> Int { try UntrustedDirectory(root: "/proc/self/fd").entries().count }

  /// - Throws: `io.too-many-open-files` when that many files of a volume cannot be held open at once.
  package static func require(_ files: Int, for path: String) throws {
    let limit = raise()
    let needed = files + reserve
    guard needed <= limit else {
      throw GoudError(
        .ioDescriptors, "\(path) needs \(needed) open files at once, and this process may have \(limit)",
        hint: "raise the limit to \(needed) (ulimit -Hn, or LimitNOFILE= in systemd)",
        context: ["needed": "\(needed)", "limit": "\(limit)"])
    }
  }

  /// For RocksDB's own handles (64 tables) and whatever else the process has open.
  private static let reserve = 160

  private static func systemCeiling() -> rlim_t? {
    guard getuid() == 0, let bytes = try? Descriptor.open("/proc/sys/fs/nr_open", O_RDONLY).readAll() else {
      return nil
    }
    return rlim_t(String(decoding: bytes, as: UTF8.self).filter(\.isNumber))
  }
}
