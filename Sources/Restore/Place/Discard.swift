import GoudCore
package import Layout

#if canImport(Glibc)
  import Glibc
#endif

/// Deletes directories in a way that a kill in the middle leaves nothing that looks whole: first another name, durably,
/// then the content.
package enum Discard {
  /// - Parameter site: where it lies.
  /// - Returns: false when deleting failed half-way; the rest is under its new name, and the next run deletes it.
  @discardableResult
  package static func directory(_ path: String, of place: VolumePlace, _ site: RestoreName.Site) throws -> Bool {
    guard try FileSystem.status(path) != nil else { return true }
    let doomed = RestoreMarker.newIdentifier()
    try keepingTime(of: place, site) { try Renames().move(path, to: place.path(.discarded, doomed, site)) }
    KillPoint.reached("restore.discarded")
    return remove(doomed, of: place, site)
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
