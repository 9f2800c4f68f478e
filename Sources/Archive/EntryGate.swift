import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// Decides what an entry of an archive is before anything is done with it: names that lead elsewhere, doubles, devices,
/// links out of the volume, second names of anything but an earlier file of the same volume, and more data than the
/// metadata declares are refused. Pure: no I/O.
struct EntryGate {
  /// What an entry turned out to be.
  enum Admitted: Equatable {
    /// The archive's own directory, or a volume's marker of one.
    case nothing
    case metadata
    case checksums
    /// The nested layout's `metadata.txt`, `<volume>.tar.gz`, `<volume>.tar.gz.sha256`.
    case oldMetadata
    case oldVolume(String)
    case oldChecksum(String)
    /// An entry of a volume; the path is relative to it, empty for its root.
    case volume(String, FileEntry)
  }

  /// An entry as the tar reader found it.
  struct Raw {
    var path: String
    var kind: Kind
    var mode: UInt32 = 0
    var owner: UInt32 = 0
    var group: UInt32 = 0
    var modified: (seconds: Int64, nanoseconds: Int32) = (0, 0)
    var attributes: [String: [UInt8]] = [:]
    var extents: [Range<Int64>]?

    enum Kind {
      case directory
      case file(size: Int64)
      case link(target: String)
      /// A further name of the entry with this whole path.
      case hardLink(target: String)
      case other
    }
  }

  /// More than any file system holds, and little enough to be reckoned with: 2^60.
  static let mostBytes: Int64 = 1 << 60
  /// `metadata.json`, and each small file of the nested layout.
  static let metadataLimit: Int64 = 16 << 20

  private var root: String?
  private var volumes: [String: BackupMetadata.Volume] = [:]
  private var tallies: [String: (files: Int, bytes: Int64, links: Int)] = [:]
  private(set) var names: EntryNames
  /// Whether this is the nested layout.
  private(set) var isOld = false
  private var first = true
  private var finished = false

  /// The gate of a volume's own tar inside the nested layout: no metadata, a limit instead.
  private var inner: (volume: String, limit: Int64)?
  /// What the entries of such a tar take on disk.
  private(set) var unpacked: Int64 = 0

  init(names: EntryNames = EntryNames()) { self.names = names }

  /// - Parameter limit: bytes that the volume may take on disk.
  init(innerVolume: String, limit: Int64) {
    names = EntryNames()
    inner = (innerVolume, limit)
  }

  /// Makes the volumes of the metadata known.
  mutating func admit(_ metadata: BackupMetadata) throws {
    guard metadata.formatVersion <= BackupMetadata.currentFormatVersion else {
      throw GoudError(
        .archiveUnsupported,
        "the archive has format \(metadata.formatVersion); this goud reads up to "
          + "\(BackupMetadata.currentFormatVersion)", hint: "use a newer goud")
    }
    guard metadata.name == root else { throw unsafe("metadata.json", "names another archive") }
    guard metadata.isPossible else { throw unsafe("metadata.json", "declares sizes that no volume has") }
    for volume in metadata.volumes {
      guard EntryNames.isPlain(volume.name), volumes.updateValue(volume, forKey: volume.name) == nil else {
        throw unsafe("metadata.json", "names a volume badly")
      }
    }
  }

  mutating func admit(_ raw: Raw) throws -> Admitted {
    guard let components = EntryNames.components(of: raw.path) else {
      throw unsafe(raw.path, "is not a plain relative name")
    }
    if let inner { return try admitInner(raw, components, inner.volume, inner.limit) }
    guard !finished else { throw unsafe(raw.path, "comes after CHECKSUMS.sha256") }
    guard let top = components.first else { return .nothing }
    guard root == nil || root == top else { throw unsafe(raw.path, "is outside the archive's directory") }
    root = top
    try admitOnce(raw, Array(components.dropFirst()))
    if components.count == 1 {
      guard case .directory = raw.kind else { throw unsafe(raw.path, "is not in a directory") }
      return .nothing
    }
    defer { first = false }
    if components.count == 2, case .file(let size) = raw.kind {
      guard raw.extents == nil else { throw unsafe(raw.path, "has holes") }
      return try topFile(raw, components[1], size)
    }
    guard !isOld, !first, let volume = volumes[components[1]] else { throw unsafe(raw.path, "belongs to no volume") }
    return try admit(raw, Array(components.dropFirst(2)), to: volume)
  }

  /// After the last entry: every volume of the metadata came, with what it declares.
  func finish() throws {
    for (name, volume) in volumes.sorted(by: { $0.key < $1.key }) {
      guard let tally = tallies[name], tally.files == volume.files, tally.bytes == volume.bytes,
        tally.links == volume.secondNames ?? 0
      else {
        throw GoudError(
          .archiveCorrupt,
          "the archive lacks files of \(name): metadata.json declares \(volume.files) with \(volume.bytes) bytes")
      }
    }
  }

  // MARK: Kinds of entries

  private mutating func topFile(_ raw: Raw, _ name: String, _ size: Int64) throws -> Admitted {
    switch name {
    case "metadata.json":
      guard first else { throw unsafe(raw.path, "is not the first file") }
      try limit(raw, size, Self.metadataLimit)
      return .metadata
    case "CHECKSUMS.sha256":
      if first { isOld = true }
      try limit(raw, size, isOld ? Self.metadataLimit : names.checksumsLimit)
      finished = !isOld
      return .checksums
    case "metadata.txt":
      if first { isOld = true }
      try limit(raw, size, Self.metadataLimit)
      return .oldMetadata
    default:
      if first { isOld = true }
      guard isOld else { throw unsafe(raw.path, "belongs to no volume") }
      if let volume = EntryNames.stem(of: name, ".tar.gz.sha256") {
        try limit(raw, size, 2 * Int64(EntryNames.longestPath))
        return .oldChecksum(volume)
      }
      if let volume = EntryNames.stem(of: name, ".tar.gz") { return .oldVolume(volume) }
      throw unsafe(raw.path, "belongs to no volume")
    }
  }

  private mutating func admit(_ raw: Raw, _ path: [String], to volume: BackupMetadata.Volume) throws -> Admitted {
    let entry = try entry(raw, path, of: volume.name)
    var tally = tallies[volume.name] ?? (0, 0, 0)
    switch entry.kind {
    case .file:
      guard tally.files < volume.files, entry.storedBytes <= volume.bytes - tally.bytes else {
        throw unsafe(raw.path, "is more than metadata.json declares")
      }
      tally.files += 1
      tally.bytes += entry.storedBytes
    case .secondName:
      guard tally.links < volume.secondNames ?? 0 else { throw unsafe(raw.path, "is more than metadata.json declares") }
      tally.links += 1
    case .directory, .link: break
    }
    tallies[volume.name] = tally
    return .volume(volume.name, entry)
  }

  private mutating func admitInner(_ raw: Raw, _ path: [String], _ volume: String, _ limit: Int64) throws -> Admitted {
    try admitOnce(raw, path)
    let entry = try entry(raw, path, of: nil)
    // An inode, however little is in it, takes a block.
    let size = if case .file(let size) = entry.kind { max(size, 4096) } else { Int64(4096) }
    guard size <= limit - unpacked else {
      throw GoudError(
        .ioNoRoom, "\(volume) unpacks to more than the \(ByteCount(limit)) there is room for",
        hint: "free room there, or name another place")
    }
    unpacked += size
    return .volume(volume, entry)
  }

  /// - Parameter volume: nil in the nested layout, whose scripts knew neither holes nor second names.
  private func entry(_ raw: Raw, _ path: [String], of volume: String?) throws -> FileEntry {
    let name = path.joined(separator: "/")
    let kind: FileEntry.Kind
    switch raw.kind {
    case .directory: kind = .directory
    case .file(let size):
      guard !path.isEmpty else { throw unsafe(raw.path, "is a file where a volume should be") }
      kind = .file(size: size)
    case .link(let target):
      guard !path.isEmpty, FileEntry.staysInside(name, target: target) else {
        throw unsafe(raw.path, "links out of the volume")
      }
      kind = .link(target: target)
    case .hardLink(let target): kind = .secondName(of: try first(target, of: raw, in: volume))
    case .other: throw unsafe(raw.path, "is neither file, directory nor link")
    }
    guard raw.extents == nil || volume != nil else { throw unsafe(raw.path, "has holes") }
    return FileEntry(
      path: name, kind: kind, mode: raw.mode & 0o7777, owner: raw.owner, group: raw.group, modified: raw.modified,
      attributes: raw.attributes, extents: raw.extents)
  }

  /// The number of the regular file that came under a whole path; nil when none did.
  private func file(_ path: String) -> Int? {
    guard let components = EntryNames.components(of: path),
      case .file(let number) = names.kind(of: components.dropFirst().joined(separator: "/"))
    else { return nil }
    return number
  }

  /// Where the file is whose second name an entry is, in the same volume: a regular file that came before.
  private func first(_ target: String, of raw: Raw, in volume: String?) throws -> String {
    guard let volume else { throw unsafe(raw.path, "is a hard link") }
    guard let components = EntryNames.components(of: target), components.count > 2,
      components[0].nameBytes == root?.nameBytes, components[1].nameBytes == volume.nameBytes, file(target) != nil
    else { throw unsafe(raw.path, "is a second name of what is no earlier file of its volume") }
    return components.dropFirst(2).joined(separator: "/")
  }

  // MARK: Names

  private mutating func admitOnce(_ raw: Raw, _ components: [String]) throws {
    let kind: EntryNames.Kind =
      switch raw.kind {
      case .directory: .directory
      case .file: .file(names.files)
      case .hardLink(let target): file(target).map { .secondName($0) } ?? .other
      case .link, .other: .other
      }
    switch names.add(components.joined(separator: "/"), kind) {
    case .added: return
    case .twice: throw unsafe(raw.path, "is there twice")
    case .belowFile: throw unsafe(raw.path, "lies below a file")
    case .tooMany: throw unsafe(raw.path, "is one name too many: no backup has so many")
    }
  }

  private func limit(_ raw: Raw, _ size: Int64, _ limit: Int64) throws {
    guard size <= limit else { throw unsafe(raw.path, "is \(ByteCount(size)) long, more than \(ByteCount(limit))") }
  }

  private func unsafe(_ path: String, _ why: String) -> GoudError {
    GoudError(
      .archiveUnsafe, "the entry '\(path)' \(why)",
      hint: "this is not an archive that goud wrote, or it was tampered with",
      context: ["entry": path])
  }
}
