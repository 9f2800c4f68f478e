import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// Reads what is added to the `MANIFEST` of a database.
struct ManifestFollower: Sendable {
  private let base: FollowBase
  private let name: String
  private let file: Descriptor
  private var place = ManifestRecords.Place()

  /// - Returns: nil when it is not the one of the base any more: it was written anew, as whenever a database is opened.
  init?(_ base: FollowBase) throws {
    name = base.manifest.name
    guard let directory = try Self.directory(of: base), let file = try directory.file(name),
      try file.status().identity == base.manifest.identity
    else { return nil }
    (self.base, self.file) = (base, file)
    // Up to there it is in the snapshot.
    try ManifestRecords.read(file, from: &place, upTo: base.manifest.size) { _ in }
  }

  /// - Returns: what was added since the last time; nil when another file is the `MANIFEST` now.
  mutating func read() throws -> FollowRules.Changes? {
    guard try isCurrent() else { return nil }
    var changes = FollowRules.Changes()
    try ManifestRecords.read(file, from: &place) { changes.note(ManifestEdit($0)) }
    return changes
  }

  /// Whether there is more to read, or another file is the `MANIFEST` now.
  func hasGrown() throws -> Bool {
    var later = place
    var grew = false
    try ManifestRecords.read(file, from: &later) { _ in grew = true }
    return try grew || !isCurrent()
  }

  private func isCurrent() throws -> Bool {
    guard let directory = try Self.directory(of: base),
      try directory.status(name)?.identity == base.manifest.identity, let file = try directory.file("CURRENT")
    else { return false }
    return String(decoding: try file.readAll(limit: 4096), as: UTF8.self) == "\(name)\n"
  }

  /// Looked for each time: the volume, or a directory in it, may have been put aside for another of its name.
  /// - Returns: nil when another volume is in its place.
  private static func directory(of base: FollowBase) throws -> UntrustedDirectory? {
    let volume = base.layout.volume
    guard
      try UntrustedDirectory(root: volume.path).descriptor.status().identity == volume.descriptor.status().identity
    else { return nil }
    return try volume.directory(base.location.path)
  }
}
