public import GoudCore

/// One entry of the volume, with its bytes when it is a regular file.
public struct VolumeItem: Sendable {
  public let entry: FileEntry
  public let content: (any ByteSource)?
  /// Of a file that its database writes once: tables and blob files; nil for others.
  public var version: FileVersion?
  /// Checks every block of a table, and every value of a blob file, against its checksum; nil for other files.
  public let prove: (@Sendable () throws -> Void)?
  /// Called with the SHA-256 of what was read of the file: whether that is what it was at one moment. nil: it is.
  public let settle: (@Sendable (_ sha256: String) throws -> Bool)?
}
