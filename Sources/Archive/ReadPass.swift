import Foundation
import GoudCore

/// One pass through an archive: gate, visitor, and the digests of all files against `CHECKSUMS.sha256`.
final class ReadPass {
  private let reader: ArchiveReader
  private let visitor: any ArchiveVisitor
  private var gate = EntryGate()
  private var metadata: BackupMetadata?
  private var oldMetadata: [String] = []
  /// SHA-256 of every file, by the bytes of its path below the archive's directory.
  private var digests: [[UInt8]: String] = [:]
  /// What the nested layout's volumes take on disk so far.
  private var unpacked: Int64 = 0
  private var checksums: [UInt8]?
  /// The nested layout's `<volume>.tar.gz.sha256`.
  private var oldChecksums: [String: String] = [:]
  private var tallies: [String: ArchiveReport.Tally] = [:]

  var isOld: Bool { gate.isOld }

  init(reader: ArchiveReader, visitor: any ArchiveVisitor) {
    self.reader = reader
    self.visitor = visitor
  }

  func run(_ tar: TarReader) throws {
    while let raw = try tar.next() {
      switch try gate.admit(raw) {
      case .nothing: continue
      case .metadata: try readMetadata(tar)
      case .checksums: checksums = try small(tar, name: nil)
      case .oldMetadata:
        let text = String(decoding: try small(tar, name: "metadata.txt"), as: UTF8.self)
        oldMetadata = text.split(whereSeparator: \.isNewline).map(String.init)
      case .oldChecksum(let volume):
        oldChecksums[volume] = try oldChecksum(of: volume, tar)
      case .oldVolume(let volume): try readOldVolume(volume, tar)
      case .volume(let volume, let entry): try read(entry, of: volume, from: tar, below: volume)
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
    let lines = try checksums.map(Checksums.parse(_:)) ?? []
    for (name, sha256) in lines {
      // The old scripts name files by whatever path they lay at.
      let name = gate.isOld ? FileSystem.name(of: name) : name
      guard let digest = digests[name.nameBytes] else {
        throw GoudError(.archiveCorrupt, "the archive lacks \(name), which CHECKSUMS.sha256 names")
      }
      guard digest == sha256 else { throw mismatch(name) }
    }
    return gate.isOld ? try oldVolumesAreCovered(lines.map(\.name)) : try filesAreCovered(lines.map(\.name))
  }

  private func filesAreCovered(_ names: [String]) throws -> Bool {
    guard checksums != nil else { return false }
    let covered = Set(names.map(\.nameBytes))
    guard let name = digests.keys.first(where: { !covered.contains($0) }) else { return true }
    throw GoudError(.archiveCorrupt, "CHECKSUMS.sha256 does not cover \(String(decoding: name, as: UTF8.self))")
  }

  /// The old scripts list what they thought of: each volume must be covered, here or by its own `.sha256`.
  private func oldVolumesAreCovered(_ names: [String]) throws -> Bool {
    for (volume, expected) in oldChecksums where digests["\(volume).tar.gz".nameBytes] != expected {
      throw mismatch("\(volume).tar.gz")
    }
    let covered = Set(names.map { FileSystem.name(of: $0).nameBytes })
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

  private func readMetadata(_ tar: TarReader) throws {
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .iso8601
    let bytes = try small(tar, name: "metadata.json")
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

  /// - Parameter name: for the digests; nil: not covered by them.
  private func small(_ tar: TarReader, name: String?) throws -> [UInt8] {
    var bytes: [UInt8] = []
    while let piece = try tar.data(at: Int64(bytes.count)) { bytes += piece }
    if let name { digests[name.nameBytes] = Digest.hex(of: bytes) }
    return bytes
  }

  private func read(_ entry: FileEntry, of volume: String, from tar: TarReader, below prefix: String?) throws {
    try visitor.entry(entry, of: volume)
    guard case .file(let size) = entry.kind else { return }
    var digest = Digest()
    var offset: Int64 = 0
    while let bytes = try tar.data(at: offset) {
      try Pace.process.work {
        digest.update(bytes)
        try visitor.data(bytes)
      }
      offset += Int64(bytes.count)
    }
    guard offset == size else { throw GoudError(.archiveCorrupt, "\(entry.path) of \(volume) is cut short") }
    try visitor.endFile()
    if let prefix { digests["\(prefix)/\(entry.path)".nameBytes] = digest.hex() }
    tallies[volume, default: .init()].files += 1
    tallies[volume, default: .init()].bytes += size
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
      try read(entry, of: volume, from: entries, below: nil)
    }
    unpacked += gate.unpacked
    digests["\(volume).tar.gz".nameBytes] = outer.sha256()
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

  private func mismatch(_ name: String) -> GoudError {
    GoudError(
      .archiveChecksumMismatch, "\(name) does not have the content that its checksum states",
      hint: "use another backup, or fetch this one again", context: ["file": name])
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
