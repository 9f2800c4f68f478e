import GoudCore

/// Re-reads an archive and compares every checksum there is; writes nothing.
public enum ArchiveVerifier {
  /// - Throws: what `ArchiveReader` throws.
  public static func verify(path: String, options: ArchiveReadOptions) throws -> ArchiveReport {
    try ArchiveReader(path: path, options: options).read(Nothing())
  }

  private final class Nothing: ArchiveVisitor {
    func metadata(_ metadata: BackupMetadata) {}
    func entry(_ entry: FileEntry, of volume: String) {}
    func data(_ bytes: UnsafeRawBufferPointer, at offset: Int64) {}
    func endFile() {}
  }
}
