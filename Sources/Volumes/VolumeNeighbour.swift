import Chain
import GoudCore

/// What Goud puts beside a volume's directory, hidden: `.NAME.<kind>-…`. `Recovery` makes these names; here they are
/// only recognised.
enum VolumeNeighbour: String, CaseIterable {
  /// What a restore builds.
  case restore
  /// The old data, for a moment, where the file system cannot exchange two directories.
  case swapping
  /// A safety copy.
  case replaced
  /// On its way to being deleted.
  case discarded
}

extension Volume {
  /// In the volume itself: a restore has swapped it in and has not confirmed it yet.
  static let restoreMarker = RestoreGate.markerName

  private var prefix: String { ".\(FileSystem.name(of: path))" }
  private var directory: String { FileSystem.parent(of: path) }

  /// The names beside the volume that are its own, each with what it is.
  func neighbours() throws -> [(kind: VolumeNeighbour, name: String)] {
    try FileSystem.names(in: directory).compactMap { name in
      VolumeNeighbour.allCases.first { name.hasPrefix("\(prefix).\($0.rawValue)-") }.map { ($0, name) }
    }
  }

  /// Whether a restore of it runs or was interrupted.
  func hasPendingRestore() throws -> Bool {
    if try FileSystem.status("\(path)/\(Self.restoreMarker)") != nil { return true }
    return try neighbours().contains { $0.kind == .restore || $0.kind == .swapping }
  }

  /// The restore or rollback that has the volume for itself now.
  func restoreHolder() -> LockHolder? { LockHolder.find(kind: "FLOCK", path: "\(directory)/\(prefix).goud-lock") }
}
