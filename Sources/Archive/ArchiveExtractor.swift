public import GoudCore

/// Unpacks volumes of an archive into directories of their own, checking all the while what `ArchiveVerifier` checks.
public enum ArchiveExtractor {
  /// - Parameters:
  ///   - arrived: told of every file that is whole and keeps its times; open for reading. On the caller's thread.
  ///   - destination: for a volume's name the directory to unpack it into, which exists and is empty; nil to
  ///     pass over it. Called once for each volume, before its first entry.
  /// - Returns: once every file and directory is durable, with owner, mode, times and attributes, the roots' included.
  ///   What could not be put on the files (the owner, unless run by root) is in the report's `warnings`.
  /// - Throws: what `ArchiveReader` throws, and `io.no-room`. The directories then hold a part; remove them. A database
  ///   in such a part does not open: `CURRENT`, which names its state, gets its name when all is proven and durable.
  public static func extract(
    path: String, options: ArchiveReadOptions, arrived: @escaping (Descriptor, FileEntry) throws -> Void = { _, _ in },
    into destination: @escaping (String) throws -> String?
  ) throws -> ArchiveReport {
    let allowance = Allowance(privileges: options.restorePrivileges, isBare: options.contentOnly)
    let writer = VolumeWriter(allowance: allowance, arrived: arrived, destination: destination)
    var report = try ArchiveReader(path: path, options: options).read(writer)
    try writer.finish(options.cancellation)
    report.warnings = writer.losses.report
    return report
  }
}
