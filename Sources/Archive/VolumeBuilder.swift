public import GoudCore

/// Makes the files of volumes from what a backup holds, whatever it lies in: an archive, a repository. Entries have been
/// admitted by whoever calls (`EntryGate` of an archive, `RepositoryExtraction`).
///
/// For one thread at a time.
public final class VolumeBuilder {
  private let writer: VolumeWriter

  /// - Parameters:
  ///   - restorePrivileges: also set-id bits, and attributes other than `user.*` and POSIX ACLs.
  ///   - contentOnly: nothing but content: for a copy that is looked at and thrown away.
  ///   - arrived: told of every file that is whole and keeps its times; open for reading.
  ///   - destination: for a volume's name the directory, which exists and is empty; nil to pass over it. Called once for
  ///     each volume.
  public init(
    restorePrivileges: Bool, contentOnly: Bool = false,
    arrived: @escaping (Descriptor, FileEntry) throws -> Void = { _, _ in },
    into destination: @escaping (String) throws -> String?
  ) {
    let allowance = Allowance(privileges: restorePrivileges, isBare: contentOnly)
    writer = VolumeWriter(allowance: allowance, arrived: arrived, destination: destination)
  }

  /// The root first, a directory before what it holds, a file before its second names. A file is followed by its bytes.
  public func entry(_ entry: FileEntry, of volume: String) throws { try writer.entry(entry, of: volume) }

  /// Gives a file that is on this machine already, with the bytes of `entry`, its name in the volume as well. Only for what
  /// is written once, or has no name that anybody uses: the two are one file from then on.
  /// - Returns: false when it has other attributes, or cannot have a second name there: then it comes as any other.
  public func adopt(_ file: Descriptor, as entry: FileEntry, of volume: String) throws -> Bool {
    try writer.adopt(file, as: entry, of: volume)
  }

  /// - Parameter offset: where in the file the bytes are; what is passed over is a hole.
  public func data(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws { try writer.data(bytes, at: offset) }

  public func endFile() throws { try writer.endFile() }

  /// A file that was begun and goes on later.
  public struct PausedFile {
    fileprivate let file: VolumeWriter.OpenFile
  }

  /// Puts aside the file that was begun, so that others can be made before it goes on.
  /// - Returns: nil when none was begun.
  public func pause() -> PausedFile? { writer.pause().map(PausedFile.init) }

  public func resume(_ file: PausedFile) { writer.resume(file.file) }

  /// When it returns, every file and directory is on the device, with owner, mode, times and attributes. A database that
  /// is not finished does not open: `CURRENT`, which names its state, gets its name last.
  /// - Returns: what could not be put on the files.
  public func finish(_ cancellation: Cancellation) throws -> [String] {
    try writer.finish(cancellation)
    return writer.losses.report
  }
}
