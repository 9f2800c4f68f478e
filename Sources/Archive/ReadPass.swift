import Foundation
import GoudCore

/// One pass through an archive: gate, visitor, and the digests of all files against `CHECKSUMS.sha256`.
final class ReadPass {
  private let reader: ArchiveReader
  private let visitor: any ArchiveVisitor
  private var gate = EntryGate()
  private var metadata: BackupMetadata?
  private var oldMetadata: [String] = []
  /// Of every file that `CHECKSUMS.sha256` must cover.
  private var digests = FileDigests()
  /// What the comparison found; told when the archive's own checksum has been compared.
  private var comparison: ChecksumComparison?
  /// The nested layout's: what its volumes take on disk so far, its files' digests, its lists.
  private var unpacked: Int64 = 0
  private var oldDigests: [[UInt8]: String] = [:]
  private var oldChecksums: [String: String] = [:]
  private var oldList: [Checksums.Line] = []
  private var tallies: [String: ArchiveReport.Tally] = [:]

  var isOld: Bool { gate.isOld }

  init(reader: ArchiveReader, visitor: any ArchiveVisitor) {
    self.reader = reader
    self.visitor = visitor
  }

  func run(_ tar: TarReader) throws {
    while let raw = try tar.next() {
      let file = gate.names.files
      switch try gate.admit(raw) {
      case .nothing: continue
      case .metadata: try readMetadata(tar, file)
      case .checksums: try readChecksums(tar)
      case .oldMetadata:
        let text = String(decoding: try small(tar, name: "metadata.txt"), as: UTF8.self)
        oldMetadata = text.split(whereSeparator: \.isNewline).map(String.init)
      case .oldChecksum(let volume):
        oldChecksums[volume] = try oldChecksum(of: volume, tar)
      case .oldVolume(let volume): try readOldVolume(volume, tar)
      case .volume(let volume, let entry): try read(entry, of: volume, from: tar, number: file)
      }
    }
    guard metadata != nil || (gate.isOld && !tallies.isEmpty) else {
      throw GoudError(
        .archiveUnsupported, "\(reader.path) is not a backup: it holds no metadata.json and no <volume>.tar.gz",
        hint: "name an archive that goud or the guide's scripts wrote")
    }
    try gate.finish()
  }

  /// Compares every digest with its line, both ways.
  /// - Returns: false when there is nothing to compare with.
  func compareChecksums() throws -> Bool {
    if gate.isOld { return try oldVolumesAreCovered() }
    return try comparison?.result(digests) ?? false
  }

  private func readChecksums(_ tar: TarReader) throws {
    if gate.isOld {
      oldList = try small(tar, name: nil).split(separator: UInt8(ascii: "\n")).compactMap(Checksums.read)
      return
    }
    var found = ChecksumComparison()
    var offset: Int64 = 0
    while let piece = try tar.data(at: offset) {
      offset += Int64(piece.count)
      found.read(piece, digests, gate.names)
    }
    found.finish(digests, gate.names)
    comparison = found
  }

  /// The old scripts list what they thought of, by whatever path it lay at: each volume must be covered, there or by its
  /// own `.sha256`.
  private func oldVolumesAreCovered() throws -> Bool {
    for line in oldList {
      let name = FileSystem.name(of: line.name)
      guard let digest = oldDigests[name.nameBytes] else { throw ChecksumComparison.lacking(name) }
      guard digest == line.sha256 else { throw ChecksumComparison.mismatch(name) }
    }
    for (volume, expected) in oldChecksums where oldDigests["\(volume).tar.gz".nameBytes] != expected {
      throw ChecksumComparison.mismatch("\(volume).tar.gz")
    }
    let covered = Set(oldList.map { FileSystem.name(of: $0.name).nameBytes })
    return tallies.keys.allSatisfy { oldChecksums[$0] != nil || covered.contains("\($0).tar.gz".nameBytes) }
  }

  func missing(_ sidecar: String?) -> GoudError {
    GoudError(
      .archiveChecksumMissing, "\(reader.path) cannot be verified: \(sidecar ?? "CHECKSUMS.sha256") is missing",
      hint: "fetch it from where the archive came from, or pass --allow-unverified")
  }

  func report(archiveBytes: Int64, sha256: String, checksummed: Bool) -> ArchiveReport {
    ArchiveReport(
      path: reader.path, layout: gate.isOld ? .nested : .goud, metadata: metadata, oldMetadata: oldMetadata,
      archiveBytes: archiveBytes, sha256: sha256, checksummed: checksummed, volumes: tallies)
  }

  // MARK: Entries

  private func readMetadata(_ tar: TarReader, _ number: Int) throws {
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .iso8601
    let bytes = try small(tar, name: nil)
    digests.set(Digest.hex(of: bytes), hasHoles: false, at: number)
    let found: BackupMetadata
    do {
      found = try decoder.decode(BackupMetadata.self, from: Data(bytes))
    } catch {
      throw GoudError(.archiveCorrupt, "metadata.json cannot be read", cause: error)
    }
    try gate.admit(found)
    for volume in found.volumes { tallies[volume.name] = .init() }
    metadata = found
    try visitor.metadata(found)
  }

  /// - Parameter name: of a file of the nested layout that a list may cover; nil: not covered by any.
  private func small(_ tar: TarReader, name: String?) throws -> [UInt8] {
    var bytes: [UInt8] = []
    while let piece = try tar.data(at: Int64(bytes.count)) { bytes += piece }
    if let name { oldDigests[name.nameBytes] = Digest.hex(of: bytes) }
    return bytes
  }

  /// - Parameter number: the file's, for its digest; nil in the nested layout.
  private func read(_ entry: FileEntry, of volume: String, from tar: TarReader, number: Int?) throws {
    try visitor.entry(entry, of: volume)
    guard case .file(let size) = entry.kind else { return }
    var digest = Digest()
    var whole = true
    for extent in entry.data {
      var offset = extent.lowerBound
      while offset < extent.upperBound, let bytes = try tar.data(at: offset) {
        guard bytes.count <= extent.upperBound - offset else {
          whole = false
          break
        }
        try Pace.process.work {
          digest.update(bytes)
          try visitor.data(bytes, at: offset)
        }
        offset += Int64(bytes.count)
      }
      whole = whole && offset == extent.upperBound
    }
    guard try whole && tar.data() == nil else {
      throw GoudError(.archiveCorrupt, "\(entry.path) of \(volume) is cut short")
    }
    try visitor.endFile()
    if let number {
      let data = digest.hex()
      let sha256 = entry.extents.map { HoleDigest.hex(data: data, $0, size: size) } ?? data
      digests.set(sha256, hasHoles: entry.extents != nil, at: number)
    }
    tallies[volume, default: .init()].files += 1
    tallies[volume, default: .init()].bytes += entry.storedBytes
  }

  /// A `<volume>.tar.gz` inside the archive: unpacked as it comes, hashed on the way.
  private func readOldVolume(_ volume: String, _ tar: TarReader) throws {
    let outer = EntryStream(tar)
    tallies[volume] = .init()
    guard let head = try outer.next() else { throw GoudError(.archiveCorrupt, "\(volume).tar.gz is empty") }
    let inner = DecodingStream(Coding(head), outer, head: head)
    let entries = try TarReader(inner)
    var gate = EntryGate(innerVolume: volume, limit: reader.options.unpackLimit - unpacked)
    while let raw = try entries.next() {
      guard case .volume(_, let entry) = try gate.admit(raw) else { continue }
      try read(entry, of: volume, from: entries, number: nil)
    }
    unpacked += gate.unpacked
    oldDigests["\(volume).tar.gz".nameBytes] = outer.sha256()
  }

  private func oldChecksum(of volume: String, _ tar: TarReader) throws -> String {
    let name = "\(volume).tar.gz.sha256"
    let bytes = try small(tar, name: name)
    guard let line = bytes.split(separator: UInt8(ascii: "\n")).first, let (_, sha256) = Checksums.parse(line: line)
    else {
      throw GoudError(.archiveCorrupt, "\(name) states no checksum")
    }
    return sha256
  }
}

/// The data of a tar entry as a stream, hashed on the way.
private final class EntryStream: ByteStream {
  private let tar: TarReader
  private var offset: Int64 = 0
  private var digest = Digest()

  init(_ tar: TarReader) { self.tar = tar }

  func next() throws -> UnsafeRawBufferPointer? {
    guard let bytes = try tar.data(at: offset) else { return nil }
    offset += Int64(bytes.count)
    digest.update(bytes)
    return bytes
  }

  func sha256() -> String { digest.hex() }
}
