import Foundation
import GoudCore

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
    public var threads = max(1, ProcessInfo.processInfo.activeProcessorCount)
    public var cancellation = Cancellation()
    public var progress: any ProgressSink = NoProgress()

    public init(compression: Compression) { self.compression = compression }
  }

  /// - Parameter directory: where the archive goes; exists.
  /// - Returns: once archive and checksum are durable. `<archive>.sha256` appears first: an archive under its final
  ///   name always has its checksum.
  /// - Throws: `volume.file-changed` when a file is shorter than its entry says; what a proof throws; `io.no-room`;
  ///   `archive.exists`. Nothing is left then.
  public static func write(
    volumes: [ArchiveVolume], metadata: BackupMetadata, directory: String, options: Options
  ) throws -> WrittenArchive {
    let path = "\(directory)/\(metadata.name)\(options.compression.fileExtension)"
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
      files = try ArchivePass(output: output, proofs: proofs, options: options).run(volumes, metadata)
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
    let used = volumes.reduce(EntryNames.cost("CHECKSUMS.sha256") + EntryNames.cost("metadata.json")) { sum, volume in
      volume.items.reduce(sum) { $0 + EntryNames.cost("\(volume.name)/\($1.entry.path)") }
    }
    guard used <= EntryNames.limit else {
      throw GoudError(
        .archiveUnsupported, "the volumes hold too many files for one archive", hint: "back them up one by one")
    }
  }
}

/// The one pass: `metadata.json`, the volumes, `CHECKSUMS.sha256`.
private struct ArchivePass {
  let output: ArchiveOutput
  let proofs: ProofAhead
  let options: ArchiveWriter.Options

  func run(_ volumes: [ArchiveVolume], _ metadata: BackupMetadata) throws -> Int {
    let tar = try TarWriter(sink: output.append)
    var sums: [UInt8] = []
    var files = 0
    let root = metadata.name
    let moment = Int64(metadata.timestamp.timeIntervalSince1970)
    sums += try small("metadata.json", try encode(metadata), root, moment, tar)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Block.size, alignment: 4096)
    defer { buffer.deallocate() }
    for volume in volumes {
      options.progress.begin("archive \(volume.name)", total: ByteCount(volume.bytes))
      for item in volume.items {
        let path = item.entry.path.isEmpty ? volume.name : "\(volume.name)/\(item.entry.path)"
        if item.prove != nil { try proofs.next() }
        try tar.begin(item.entry, path: "\(root)/\(path)")
        if case .file(let size) = item.entry.kind, let content = item.content {
          sums += Checksums.line(try copy(content, size, path, to: tar, through: buffer), path)
          files += 1
        }
        try tar.end()
      }
      options.progress.end()
    }
    _ = try small("CHECKSUMS.sha256", sums, root, moment, tar)
    try tar.close()
    return files
  }

  /// - Returns: the line for `CHECKSUMS.sha256`.
  private func small(_ name: String, _ bytes: [UInt8], _ root: String, _ moment: Int64, _ tar: TarWriter) throws
    -> [UInt8]
  {
    let entry = FileEntry(
      path: name, kind: .file(size: Int64(bytes.count)), mode: 0o600, owner: geteuid(), group: getegid(),
      modified: (moment, 0))
    try tar.begin(entry, path: "\(root)/\(name)")
    try bytes.withUnsafeBytes(tar.write)
    try tar.end()
    return Checksums.line(Digest.hex(of: bytes), name)
  }

  /// - Returns: the file's SHA-256.
  private func copy(
    _ content: any ByteSource, _ size: Int64, _ path: String, to tar: TarWriter,
    through buffer: UnsafeMutableRawBufferPointer
  ) throws -> String {
    var digest = Digest()
    var offset: Int64 = 0
    while offset < size {
      try options.cancellation.check()
      let want = Int(min(size - offset, Int64(buffer.count)))
      let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<want])
      try Pace.process.work {
        guard try content.read(into: piece, at: offset) == want else {
          throw GoudError(.volumeFileChanged, "\(path) shrank while it was read", hint: "run the backup again")
        }
        digest.update(UnsafeRawBufferPointer(piece))
        try tar.write(UnsafeRawBufferPointer(piece))
      }
      options.progress.advance(want)
      offset += Int64(want)
    }
    return digest.hex()
  }

  private func encode(_ metadata: BackupMetadata) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.dateEncodingStrategy = .iso8601
    return Array(try encoder.encode(metadata)) + Array("\n".utf8)
  }
}

extension ArchiveVolume {
  var bytes: Int64 { items.reduce(0) { if case .file(let size) = $1.entry.kind { $0 + size } else { $0 } } }
}
