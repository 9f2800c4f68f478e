import GoudCore
import Layout

extension VolumePlace {
  /// - Throws: `restore.crosses-file-systems` when something is mounted in the volume: it would go with the old data; or
  ///   when the volume is a mount point and its data would have to lie beside it.
  func refuseMounts(_ site: RestoreName.Site) throws {
    if let inside = try MountPoints.below(path).first {
      throw GoudError(
        .restoreCrossesFileSystems, "\(inside) is a mount point in the volume \(path), which it would be lost to",
        hint: "unmount it, or mount it outside the volume", context: ["path": inside])
    }
    guard try site == .beside && FileSystem.isMountRoot(path) else { return }
    throw GoudError(
      .restoreCrossesFileSystems, "\(path) is a mount point now, and what is to take its place lies beside it",
      hint: "unmount it first, or restore a backup into it", context: ["path": path])
  }
}
