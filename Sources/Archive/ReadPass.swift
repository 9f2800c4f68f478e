import Foundation
import GoudCore

/// One pass through an archive: gate, visitor, and the digests of all files against `CHECKSUMS.sha256`.
final class ReadPass {
  private let reader: ArchiveReader
  private let visitor: any ArchiveVisitor
  private var gate = EntryGate()
  private var metadata: BackupMetadata?
  private var oldMetadata: [String] = []
  /// SHA-256 of every file, by its path below the archive's directory.
  private var digests: [String: String] = [:]
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
        let text = String(decoding: try small(tar, name: "\(volume).tar.gz.sha256"), as: UTF8.self)
        oldChecksums[volume] = String(text.prefix(64))
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
    for (volume, expected) in oldChecksums where digests["\(volume).tar.gz"] != expected {
      throw mismatch("\(volume).tar.gz")
    }
    guard let checksums else { return gate.isOld && Set(oldChecksums.keys) == Set(tallies.keys) }
    var expected = try Checksums.parse(checksums)
    for (name, digest) in digests {
      guard let line = expected.removeValue(forKey: name) else {
        // The old scripts list what they thought of; ours lists everything.
        if gate.isOld && (!name.hasSuffix(".tar.gz") || oldChecksums[String(name.dropLast(7))] != nil) { continue }
        throw GoudError(.archiveCorrupt, "CHECKSUMS.sha256 does not cover \(name)")
      }
      guard line == digest else { throw mismatch(name) }
    }
    guard let left = expected.keys.min() else { return true }
    throw GoudError(.archiveCorrupt, "the archive lacks \(left), which CHECKSUMS.sha256 names")
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
    if let name { digests[name] = Digest.hex(of: bytes) }
    return bytes
  }

  private func read(_ entry: FileEntry, of volume: String, from tar: TarReader, below prefix: String?) throws {
    try visitor.entry(entry, of: volume)
    guard case .file(let size) = entry.kind else { return }
    var digest = Digest()
    var offset: Int64 = 0
    while let bytes = try tar.data(at: offset) {
      digest.update(bytes)
      try visitor.data(bytes)
      offset += Int64(bytes.count)
    }
    guard offset == size else { throw GoudError(.archiveCorrupt, "\(entry.path) of \(volume) is cut short") }
    try visitor.endFile()
    if let prefix { digests["\(prefix)/\(entry.path)"] = digest.hex() }
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
    var gate = EntryGate(innerVolume: volume, limit: reader.options.unpackLimit)
    while let raw = try entries.next() {
      guard case .volume(_, let entry) = try gate.admit(raw) else { continue }
      try read(entry, of: volume, from: entries, below: nil)
    }
    while try inner.next() != nil {}
    digests["\(volume).tar.gz"] = outer.sha256()
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

extension Checksums {
  /// The names and digests of a file in `sha256sum`'s form.
  static func parse(_ bytes: [UInt8]) throws -> [String: String] {
    var result: [String: String] = [:]
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      var text = String(decoding: line, as: UTF8.self)
      let escaped = text.hasPrefix("\\")
      if escaped { text.removeFirst() }
      let digest = String(text.prefix(64))
      let rest = text.dropFirst(64)
      guard digest.isDigest, rest.hasPrefix("  ") || rest.hasPrefix(" *") else {
        throw GoudError(.archiveCorrupt, "CHECKSUMS.sha256 has a line that is none")
      }
      var name = String(rest.dropFirst(2))
      if escaped { name = name.unescaped }
      if name.hasPrefix("./") { name.removeFirst(2) }
      guard result.updateValue(digest, forKey: name) == nil else {
        throw GoudError(.archiveCorrupt, "CHECKSUMS.sha256 names \(name) twice")
      }
    }
    return result
  }
}

extension String {
  /// Undoes coreutils' escapes.
  fileprivate var unescaped: String {
    var result = ""
    var rest = self[...]
    while let character = rest.popFirst() {
      guard character == "\\", let next = rest.popFirst() else {
        result.append(character)
        continue
      }
      result.append(next == "n" ? "\n" : next == "r" ? "\r" : next)
    }
    return result
  }
}
