import GoudCore
import Layout

/// `<archive>.sha256`: the digest of the whole archive, beside it.
public struct Sidecar {
  let sha256: String
  /// Whether it is byte for byte what goud writes. `sha256sum DIRECTORY/ARCHIVE`, as older scripts ran it, states the
  /// directory too; that is accepted for their archives only: a flipped bit must not pass for a matter of style.
  let isCanonical: Bool

  public static func content(_ sha256: String, archive: String) -> [UInt8] {
    Checksums.line(sha256, FileSystem.name(of: archive))
  }

  /// - Returns: nil when there is none.
  /// - Throws: `archive.checksum-mismatch` when it is in no form of `sha256sum`, or names another file.
  static func read(_ bytes: [UInt8]?, for archive: String) throws -> Sidecar? {
    guard let bytes else { return nil }
    let line = bytes.last == UInt8(ascii: "\n") ? bytes.dropLast() : bytes[...]
    guard let (name, sha256) = Checksums.parse(line: line),
      FileSystem.name(of: name).nameBytes == FileSystem.name(of: archive).nameBytes
    else { throw damaged(archive) }
    return Sidecar(sha256: sha256, isCanonical: bytes == content(sha256, archive: archive))
  }

  static func damaged(_ archive: String) -> GoudError {
    GoudError(
      .archiveChecksumMismatch, "\(BackupName.checksum(of: archive)) is damaged, or belongs to another archive",
      hint: "compare with another copy of it; --allow-unverified does not pass over this")
  }
}
