import GoudCore
import Layout

/// Keeps nodes out of a volume that a restore has swapped in and not confirmed: it is neither the old one nor surely the
/// new one until the restore is finished or rolled back.
public enum RestoreGate {
  /// - Parameter volume: the volume's directory.
  /// - Throws: `restore.pending`.
  public static func check(_ volume: String) throws {
    guard try FileSystem.status("\(volume)/\(VolumeName.restoreMarker)") != nil else { return }
    throw GoudError(
      .restorePending, "a restore of \(volume) was stopped before it was confirmed",
      hint: "goud restore --settle finishes it or rolls it back", context: ["path": volume])
  }
}
