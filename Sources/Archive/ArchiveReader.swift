import Foundation
public import GoudCore
import Layout

#if canImport(Glibc)
  import Glibc
#endif

/// How an archive is read.
public struct ArchiveReadOptions: Sendable {
  /// Read an archive whose checksums are missing; those that are there are still compared.
  public var allowUnverified = false
  /// Drop the file from the page cache first, so that what is checked is what the device holds.
  public var fromDevice = false
  /// The most that a volume of an archive without metadata (the nested layout) may unpack to.
  public var unpackLimit: Int64 = .max
  /// Default: one for each processor, eight at most, for the sake of memory.
  public var threads = BlockPool.threads
  /// Also restore what gives powers: set-id bits of files, and attributes other than `user.*` and POSIX ACLs.
  public var restorePrivileges = false
  /// Restore content alone, without owners, modes, times and attributes: for a copy that is thrown away.
  public var contentOnly = false
  public var cancellation = Cancellation()
  public var progress: any ProgressSink = NoProgress()
  /// Where the archive's bytes are; nil: in a file at its path.
  public var bytes: (any ArchiveBytes)?
  /// The content of `<archive>.sha256` that a signature vouches for; nil: whatever lies beside the archive.
  public var checksum: [UInt8]?

  public init() {}
}

/// What reading a whole archive found.
public struct ArchiveReport: Sendable, Encodable {
  /// `goud`: one stream with `metadata.json`. `nested`: the guide's scripts, a tar of `<volume>.tar.gz`.
  public enum Layout: String, Sendable, Encodable { case goud, nested }

  public let path: String
  public let layout: Layout
  /// nil for the nested layout.
  public let metadata: BackupMetadata?
  /// The nested layout's `metadata.txt`, line by line.
  public let oldMetadata: [String]
  public let archiveBytes: Int64
  public let sha256: String
  /// Whether every byte was covered by a checksum that agreed; false only with `allowUnverified`.
  public let checksummed: Bool
  /// Regular files and bytes, by volume.
  public let volumes: [String: Tally]
  /// What of owner and attributes could not be put on the files; only `ArchiveExtractor` has any.
  public internal(set) var warnings: [String] = []

  public struct Tally: Sendable, Encodable {
    public var files = 0
    public var bytes: Int64 = 0
  }
}

/// What is told of an archive's volumes while it is read. Called from one thread, in the archive's order.
protocol ArchiveVisitor: AnyObject {
  /// The metadata, before the first entry of a volume; not called for the nested layout.
  func metadata(_ metadata: BackupMetadata) throws
  /// An entry of a volume begins; for a file, `data` follows until `endFile`.
  func entry(_ entry: FileEntry, of volume: String) throws
  /// - Parameter offset: where in the file the bytes are; what is passed over is a hole.
  func data(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws
  func endFile() throws
}

/// Reads archives from anywhere: ours, stock tar of any of the three compressions, and the nested layout. Every entry
/// passes `EntryGate`, every byte every checksum there is.
public struct ArchiveReader {
  let path: String
  let options: ArchiveReadOptions

  /// Reads `metadata.json` alone: the first megabytes of the archive, whatever its size; no checksum is compared.
  /// - Throws: `archive.unsupported` for an archive without one, the nested layout among them.
  public static func metadata(of path: String, bytes: (any ArchiveBytes)? = nil) throws -> BackupMetadata {
    final class Found: ArchiveVisitor {
      struct Enough: Error {}
      var metadata: BackupMetadata?
      func metadata(_ metadata: BackupMetadata) throws {
        self.metadata = metadata
        throw Enough()
      }
      func entry(_ entry: FileEntry, of volume: String) throws { throw Enough() }
      func data(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws {}
      func endFile() throws {}
    }
    var options = ArchiveReadOptions()
    options.allowUnverified = true
    options.threads = 1
    options.bytes = bytes
    let found = Found()
    do {
      _ = try ArchiveReader(path: path, options: options).look(found)
    } catch is Found.Enough {}
    guard let metadata = found.metadata else {
      throw GoudError(.archiveUnsupported, "\(path) has no metadata.json", hint: "it was not written by goud")
    }
    return metadata
  }

  /// Reads everything.
  /// - Throws: `archive.not-found`, `archive.checksum-missing`, `archive.checksum-mismatch`, `archive.corrupt`,
  ///   `archive.unsafe-entry`, `archive.unsupported`, and what the visitor throws.
  func read(_ visitor: any ArchiveVisitor) throws -> ArchiveReport {
    let bytes = try existing(open)
    let sidecar = try Sidecar.read(try options.checksum ?? bytes.checksum(), for: path)
    let (pass, read) = try walk(visitor, bytes)
    let (size, sha256) = { ($0.bytes, $0.sha256) }(try bytes.finish(read))
    if let sidecar {
      guard sidecar.isCanonical || pass.isOld else { throw Sidecar.damaged(path) }
      try compare(sidecar, sha256)
    }
    let covered = try pass.compareChecksums() && (sidecar != nil || pass.isOld)
    guard covered || options.allowUnverified else {
      throw pass.missing(sidecar == nil ? BackupName.checksum(of: path) : nil)
    }
    return pass.report(archiveBytes: size, sha256: sha256, checksummed: covered)
  }

  /// The bytes of an archive that is a file.
  public static func bytes(of path: String) throws -> any ArchiveBytes {
    try ArchiveReader(path: path, options: ArchiveReadOptions()).bytes()
  }

  /// Compares an archive with the checksum beside it, and looks at nothing in it: it may be sealed.
  /// - Throws: `archive.not-found`, `archive.checksum-missing`, `archive.checksum-mismatch`.
  public static func compareChecksum(of path: String, options: ArchiveReadOptions) throws -> ArchiveDigest {
    let reader = ArchiveReader(path: path, options: options)
    let bytes = try reader.bytes()
    guard let sidecar = try Sidecar.read(try options.checksum ?? bytes.checksum(), for: path) else {
      throw GoudError(
        .archiveChecksumMissing, "\(path) cannot be verified: its .sha256 is missing",
        hint: "fetch it from where the archive came from", context: ["path": path])
    }
    options.progress.begin("read \(FileSystem.name(of: path))", total: ByteCount(bytes.size ?? 0))
    let stream = FileStream(bytes, cancellation: options.cancellation, progress: options.progress)
    while try stream.next() != nil {}
    options.progress.end()
    try reader.compare(sidecar, stream.sha256())
    return ArchiveDigest(bytes: stream.offset, sha256: stream.sha256())
  }

  private func bytes() throws -> any ArchiveBytes { try existing(open) }

  private func compare(_ sidecar: Sidecar, _ sha256: String) throws {
    guard sidecar.sha256 == sha256 else {
      throw GoudError(
        .archiveChecksumMismatch, "\(path) is damaged: its SHA-256 is \(sha256), not \(sidecar.sha256)",
        hint: "use another backup, or fetch this one again")
    }
  }

  private func look(_ visitor: any ArchiveVisitor) throws { _ = try walk(visitor, try existing(open)) }

  /// Reads everything, and compares nothing yet.
  private func walk(
    _ visitor: any ArchiveVisitor, _ bytes: any ArchiveBytes
  ) throws -> (pass: ReadPass, read: ArchiveDigest) {
    options.progress.begin("read \(FileSystem.name(of: path))", total: ByteCount(bytes.size ?? 0))
    let stream = FileStream(bytes, cancellation: options.cancellation, progress: options.progress)
    let pass = ReadPass(reader: self, visitor: visitor)
    try unpack(stream, pass)
    guard stream.offset == bytes.size ?? stream.offset else {
      throw GoudError(.archiveCorrupt, "\(path) changed while it was read", hint: "try again once nobody writes it")
    }
    options.progress.end()
    return (pass, ArchiveDigest(bytes: stream.offset, sha256: stream.sha256()))
  }

  /// Reads to the end of the tar stream and of what encloses it. Damage is told with the archive's name and a way out.
  private func unpack(_ stream: FileStream, _ pass: ReadPass) throws {
    do {
      let (tar, stop) = try decode(stream)
      defer { stop() }
      try pass.run(try TarReader(tar))
    } catch let error as GoudError where error.code == .archiveCorrupt && error.hint == nil {
      throw GoudError(
        error.code, "\(path) is damaged: \(error.message)", hint: "use another backup, or fetch this one again",
        context: error.context.merging(["path": path]) { own, _ in own }, cause: error)
    }
  }

  private func open() throws -> any ArchiveBytes {
    if let bytes = options.bytes { return bytes }
    let file = try Descriptor.open(path, O_RDONLY | O_NONBLOCK)
    guard try file.status().isRegular else { throw GoudError(.archiveNotFound, "\(path) is not a file") }
    if options.fromDevice {
      try file.synchronize()
      posix_fadvise(file.fd, 0, 0, POSIX_FADV_DONTNEED)
    }
    // `FileStream` reads ahead by itself, and less: the kernel's read-ahead fills the device's queue with megabytes, and
    // the syncs of a node on the same device wait behind them.
    posix_fadvise(file.fd, 0, 0, POSIX_FADV_RANDOM)
    return try FileBytes(file)
  }

  private func existing<Result>(_ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let error as GoudError where error.systemErrno == ENOENT {
      throw GoudError(.archiveNotFound, "there is no archive \(path)", hint: "goud backup list shows what there is")
    }
  }

  /// The tar stream inside, and what ends the threads that make it.
  private func decode(_ stream: FileStream) throws -> (any ByteStream, () -> Void) {
    guard let head = try stream.next() else { throw GoudError(.archiveCorrupt, "it is empty") }
    let coding = Coding(head)
    guard let cutter = PieceCutter(coding, stream, head: head) else {
      return (DecodingStream(coding, stream, head: head), {})
    }
    let parallel = ParallelStream(cutter, threads: options.threads)
    return (parallel, { parallel.stop() })
  }
}
