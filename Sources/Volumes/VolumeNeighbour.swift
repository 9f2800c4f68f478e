import Chain
import GoudCore
import Layout

extension Volume {
  /// In the volume itself: a restore has swapped it in and has not confirmed it yet.
  static let restoreMarker = VolumeName.restoreMarker

  private var ownName: String { FileSystem.name(of: path) }
  private var directory: String { FileSystem.parent(of: path) }

  /// What restores have put beside the volume, or in its root, each with what it is; absolute paths.
  func neighbours() throws -> [(kind: RestoreName, path: String)] {
    try RestoreName.Site.allCases.flatMap { site in
      let holder = site == .beside ? directory : path
      return try FileSystem.knownNames(in: holder).compactMap { name in
        RestoreName.allCases.first { $0.tail(of: name, site, of: ownName) != nil }.map { ($0, "\(holder)/\(name)") }
      }
    }
  }

  /// Whether a restore of it runs or was interrupted.
  func hasPendingRestore() throws -> Bool {
    if try FileSystem.status("\(path)/\(Self.restoreMarker)") != nil { return true }
    return try neighbours().contains { $0.kind == .restore || $0.kind == .swapping }
  }

  /// The restore or rollback that has the volume for itself now.
  func restoreHolder() throws -> LockHolder? {
    if let holder = LockHolder.find(kind: "FLOCK", path: "\(directory)/.\(ownName).goud-lock") { return holder }
    // In a mount point whose parent takes no file there is the lock on the volume alone, which backups take as well.
    guard try neighbours().contains(where: { $0.kind == .restore && $0.path.hasPrefix("\(path)/") }) else { return nil }
    return DirectoryLock.holder(of: path)
  }
}
