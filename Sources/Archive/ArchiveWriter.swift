import Foundation
public import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// An archive that is on disk under its name, with its checksum beside it.
public struct WrittenArchive: Sendable {
  public let path: String
  public let bytes: Int64
  /// Of the whole file; also in `<path>.sha256`.
  public let sha256: String
  /// Regular files in it, `metadata.json` and `CHECKSUMS.sha256` not counted.
  public let files: Int
}

/// Writes volumes into an archive in one pass (docs/archive-format.md): reader and file hashes on the caller's thread,
/// compression on `threads`, writing and the archive's own hash on another, proofs on one more.
///
/// Memory: about 3 MiB for each block in flight, `2 × threads + 2` of them, whatever the size of the volumes.
public struct ArchiveWriter {
  public struct Options: Sendable {
    public var compression: Compression
    /// Default: one for each processor, eight at most, for the sake of memory.
    public var threads = BlockPool.threads
    /// Where checksums are put aside while the archive is written: about 150 bytes for each file. Default: a private place.
    public var scratch: String?
    public var cancellation = Cancellation()
    public var progress: any ProgressSink = NoProgress()

    public init(compression: Compression) { self.compression = compression }
  }

  /// - Parameter directory: where the archive goes; exists.
  /// - Returns: once archive and checksum are durable. `<archive>.sha256` appears first: an archive under its final
  ///   name always has its checksum.
  /// - Throws: `volume.file-changed` when a file is shorter than its entry says; `LateChanges`; what a proof throws;
  ///   `io.no-room`; `archive.exists`. Nothing is left then.
  public static func write(
    volumes: [ArchiveVolume], metadata: BackupMetadata, directory: String, options: Options
  ) throws -> WrittenArchive {
    let path = "\(directory)/\(metadata.name)\(options.compression.fileExtension)"
    var options = options
    options.scratch = directory
    return try write(volumes: volumes, metadata: metadata, to: try FileSink(path: path), options: options)
  }

  /// The same, to any place.
  public static func write(
    volumes: [ArchiveVolume], metadata: BackupMetadata, to sink: any ArchiveSink, options: Options
  ) throws -> WrittenArchive {
    var published = false
    defer { if !published { sink.discard() } }
    try refuseTooMany(volumes)
    let output = ArchiveOutput(sink, compressor: options.compression.makeCompressor(), threads: options.threads)
    let proofs = ProofAhead(volumes.flatMap(\.items).compactMap(\.prove))
    defer { proofs.stop() }
    let files: Int
    do {
      let scratch = try PrivatePlace.open(unless: options.scratch)
      files = try ArchivePass(metadata, output: output, proofs: proofs, options: options, scratch: scratch)
        .run(volumes, metadata)
    } catch {
      output.abandon()
      throw error
    }
    let (sha256, bytes) = try output.finish()
    let stored = try sink.publish(ArchiveDigest(bytes: bytes, sha256: sha256))
    published = true
    return WrittenArchive(path: sink.path, bytes: stored.bytes, sha256: stored.sha256, files: files)
  }

  /// What no reader would take is not written.
  private static func refuseTooMany(_ volumes: [ArchiveVolume]) throws {
    let names = volumes.reduce(3) { sum, volume in
      sum + volume.items.count + (volume.others?.count ?? 0) + (volume.secondNames?.count ?? 0)
    }
    guard names <= EntryNames.limit else {
      throw GoudError(
        .archiveUnsupported,
        "the volumes hold \(names) files and directories, and an archive may hold \(EntryNames.limit)",
        hint: "back them up one by one", context: ["names": "\(names)"])
    }
  }
}

/// The one pass: `metadata.json`, what lies beside the databases, the databases, second names, `CHECKSUMS.sha256`.
private final class ArchivePass {
  private let output: ArchiveOutput
  private let proofs: ProofAhead
  private let options: ArchiveWriter.Options
  private let root: String
  private let tar: TarWriter
  private let sums: Spool
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Block.size, alignment: 4096)
  private var files = 0
  private var late: [String: Set<String>] = [:]

  init(
    _ metadata: BackupMetadata, output: ArchiveOutput, proofs: ProofAhead, options: ArchiveWriter.Options,
    scratch: Descriptor
  ) throws {
    self.output = output
    self.proofs = proofs
    self.options = options
    root = metadata.name
    tar = try TarWriter(sink: output.append)
    sums = Spool(in: scratch)
  }

  deinit { buffer.deallocate() }

  func run(_ volumes: [ArchiveVolume], _ metadata: BackupMetadata) throws -> Int {
    let moment = Int64(metadata.timestamp.timeIntervalSince1970)
    try sums.append(try small("metadata.json", MemorySource(try encode(metadata)), moment))
    for volume in volumes { try write(volume.others, of: volume, "files of") }
    guard late.isEmpty else { throw LateChanges(paths: late) }
    for volume in volumes {
      let bytes = ByteCount(volume.items.reduce(0) { $0 + $1.entry.storedBytes })
      try phase("archive \(volume.name)", bytes) { for item in volume.items { try write(item, of: volume) } }
    }
    for volume in volumes { try write(volume.secondNames, of: volume, "second names of") }
    _ = try small("CHECKSUMS.sha256", sums, moment)
    try tar.close()
    return files
  }

  private func write(_ stream: ArchiveVolume.Stream?, of volume: ArchiveVolume, _ what: String) throws {
    guard let stream, stream.count > 0 else { return }
    try phase("archive \(what) \(volume.name)", .zero) { try stream.each { try write($0, of: volume) } }
  }

  private func phase(_ name: String, _ total: ByteCount, _ body: () throws -> Void) throws {
    options.progress.begin(name, total: total)
    try body()
    options.progress.end()
  }

  private func write(_ item: ArchiveVolume.Item, of volume: ArchiveVolume) throws {
    try options.cancellation.check()
    let path = item.entry.path.isEmpty ? volume.name : "\(volume.name)/\(item.entry.path)"
    if item.prove != nil { try proofs.next() }
    if case .secondName(let first) = item.entry.kind {
      try tar.begin(item.entry, path: "\(root)/\(path)", first: "\(root)/\(volume.name)/\(first)")
    } else {
      try tar.begin(item.entry, path: "\(root)/\(path)")
    }
    if case .file(let size) = item.entry.kind, let content = item.content {
      let sha256 = try copy(content, item.entry, size, path)
      if let settle = item.settle, try !settle(sha256) { late[volume.name, default: []].insert(item.entry.path) }
      files += 1
    }
    try tar.end()
  }

  /// - Returns: the line for `CHECKSUMS.sha256`.
  private func small(_ name: String, _ content: some ByteSource & Counted, _ moment: Int64) throws -> [UInt8] {
    let entry = FileEntry(
      path: name, kind: .file(size: content.count), mode: 0o600, owner: geteuid(), group: getegid(),
      modified: (moment, 0))
    try tar.begin(entry, path: "\(root)/\(name)")
    var digest = Digest()
    try copy(content, 0..<content.count, name) { digest.update($0) }
    try tar.end()
    return Checksums.line(digest.hex(), name)
  }

  /// Writes a file's bytes, and its line among the checksums.
  /// - Returns: the SHA-256 of the bytes that are stored.
  private func copy(_ content: any ByteSource, _ entry: FileEntry, _ size: Int64, _ path: String) throws -> String {
    var digest = Digest()
    var end: Int64 = 0
    for extent in entry.data {
      try tar.skip(extent.lowerBound - end)
      try copy(content, extent, path) { digest.update($0) }
      end = extent.upperBound
    }
    try tar.skip(size - end)
    let data = digest.hex()
    if let extents = entry.extents {
      try sums.append(Checksums.line(ofHoles: HoleDigest.hex(data: data, extents, size: size), path))
    } else {
      try sums.append(Checksums.line(data, path))
    }
    return data
  }

  private func copy(
    _ content: any ByteSource, _ range: Range<Int64>, _ path: String, _ look: (UnsafeRawBufferPointer) -> Void
  ) throws {
    var offset = range.lowerBound
    while offset < range.upperBound {
      try options.cancellation.check()
      let want = Int(min(range.upperBound - offset, Int64(buffer.count)))
      let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<want])
      try Pace.process.work {
        guard try content.read(into: piece, at: offset) == want else {
          throw GoudError(.volumeFileChanged, "\(path) shrank while it was read", hint: "run the backup again")
        }
        look(UnsafeRawBufferPointer(piece))
        try tar.write(UnsafeRawBufferPointer(piece))
      }
      options.progress.advance(want)
      offset += Int64(want)
    }
  }

  private func encode(_ metadata: BackupMetadata) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.dateEncodingStrategy = .iso8601
    return Array(try encoder.encode(metadata)) + Array("\n".utf8)
  }
}

/// Content that knows its length.
private protocol Counted {
  var count: Int64 { get }
}

extension Spool: Counted {}

extension MemorySource: Counted {
  fileprivate var count: Int64 { Int64(bytes.count) }
}
