import GoudCore
package import Layout

#if canImport(Glibc)
  import Glibc
#endif

/// Deletes directories in a way that a kill in the middle leaves nothing that looks whole: first another name, durably,
/// then the content.
///
/// What has that name only is nobody's any more. A restore whose files come from far away takes from it what is the same,
/// before it is deleted.
package enum Discard {
  /// - Parameters:
  ///   - site: where it lies.
  ///   - keeping: stop at the name.
  /// - Returns: false when deleting failed half-way; the rest is under its new name, and the next run deletes it.
  @discardableResult
  package static func directory(
    _ path: String, of place: VolumePlace, _ site: RestoreName.Site, keeping: Bool = false
  ) throws -> Bool {
    guard try FileSystem.status(path) != nil else { return true }
    let doomed = RestoreMarker.newIdentifier()
    try keepingTime(of: place, site) { try Renames().move(path, to: place.path(.discarded, doomed, site)) }
    KillPoint.reached("restore.discarded")
    return keeping || remove(doomed, of: place, site)
  }

  /// What earlier runs left under that name, open: directories with the files of volumes that were being made, or more.
  static func kept(of place: VolumePlace) throws -> [UntrustedDirectory] {
    try RestoreName.Site.allCases.flatMap { site in
      try place.tails(.discarded, site).compactMap { tail in
        let name = RestoreName.discarded.prefix(site, of: place.name) + tail
        let directory = try UntrustedDirectory(root: place.holder(site)).directory(name, others: .absent)
        return try site == .beside ? directory : directory?.directory(ContentMoves.newName, others: .absent)
      }
    }
  }

  /// Deletes what earlier runs left under that name.
  package static func leftovers(of place: VolumePlace) throws {
    for site in RestoreName.Site.allCases {
      for tail in try place.tails(.discarded, site) { remove(tail, of: place, site) }
    }
  }

  @discardableResult
  private static func remove(_ tail: String, of place: VolumePlace, _ site: RestoreName.Site) -> Bool {
    do {
      try keepingTime(of: place, site) {
        let holder = try Descriptor.open(place.holder(site), O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        let name = RestoreName.discarded.prefix(site, of: place.name) + tail
        if try holder.status(of: name) != nil { try holder.removeTree(name) }
      }
      return true
    } catch {
      return false
    }
  }

  /// A volume's root shows no trace of what was deleted in it.
  static func keepingTime(of place: VolumePlace, _ site: RestoreName.Site, _ body: () throws -> Void) throws {
    guard site == .inside else { return try body() }
    let root = try Descriptor.open(place.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    let modified = try root.status().st_mtim
    try body()
    try root.setModified(modified)
  }
}
