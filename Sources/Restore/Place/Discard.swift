import Foundation
import GoudCore

/// Deletes directories in a way that a kill in the middle leaves nothing that looks whole: first another name, durably,
/// then the content.
package enum Discard {
  /// - Returns: false when deleting failed half-way; the rest is under its new name, and the next run deletes it.
  @discardableResult
  package static func directory(_ path: String, of place: VolumePlace) throws -> Bool {
    guard try FileSystem.status(path) != nil else { return true }
    let doomed = place.discarded(RestoreMarker.newIdentifier())
    try Renames().move(path, to: doomed)
    KillPoint.reached("restore.discarded")
    return remove(doomed)
  }

  /// Deletes what earlier runs left under that name.
  package static func leftovers(of place: VolumePlace) throws {
    for tail in try place.siblings(.discarded) { remove(place.discarded(tail)) }
  }

  @discardableResult
  private static func remove(_ path: String) -> Bool {
    (try? FileManager.default.removeItem(atPath: path)) != nil
  }
}
