import Foundation
import GoudCore

/// Puts proven data in place of the present data, for all volumes of a restore or for none.
///
/// Order, each step durable before the next: exchange every volume with its staging directory → check each where it
/// now is → give the replaced data the name of a safety copy → remove each marker. Up to the last exchange any failure
/// swaps back. Every step may find itself already done, so a run that was killed is finished by running it again.
struct Swap {
  let id: String
  let places: [VolumePlace]
  /// The stamp of the safety copies.
  let safetyCopy: String
  var renames = Renames()

  /// - Parameter check: throws when the volume, in its place, cannot be opened.
  /// - Returns: the safety copies by volume; none for a volume that was not there or empty.
  /// - Throws: `restore.unproven` when a check failed; every volume is then the old one again.
  func run(check: (VolumePlace) throws -> Void) throws -> [VolumePlace: String] {
    do {
      for place in places { try exchange(place) }
    } catch {
      try undo(because: error)
      throw error
    }
    do {
      for place in places where try state(place) == .swapped { try check(place) }
    } catch {
      try undo(because: error)
      throw GoudError(
        .restoreUnproven, "the restored data did not open in its place: \(Self.message(error)); the old data is back",
        hint: "the backup is not harmed; check the disk, then try again", cause: error)
    }
    var kept: [VolumePlace: String] = [:]
    for place in places where try state(place) == .swapped { kept[place] = try keep(place) }
    for place in places { try confirm(place) }
    return kept
  }

  /// Undoes every exchange; what was built is in its staging directory again.
  func undo() throws {
    for place in places.reversed() {
      switch try state(place) {
      case .swapped: try takeBack(place)
      case .aside: try renames.move(place.aside(id), to: place.path)
      case .staged, .settled: continue
      }
      KillPoint.reached("restore.taken-back")
    }
  }

  private func undo(because error: any Error) throws {
    do {
      try undo()
    } catch let second {
      throw GoudError(
        .restoreUnproven, "\(Self.message(error)), and swapping back failed: \(Self.message(second))",
        hint: "run the same command again: it finishes or rolls back first; both versions of the data are still there",
        cause: error)
    }
  }

  private func exchange(_ place: VolumePlace) throws {
    let staging = place.staging(id)
    switch try state(place) {
    case .swapped, .settled: return
    case .aside: try renames.exchange(staging, with: place.path, aside: place.aside(id))
    case .staged where try FileSystem.status(place.path) == nil: try renames.move(staging, to: place.path)
    case .staged: try renames.exchange(staging, with: place.path, aside: place.aside(id))
    }
    KillPoint.reached("restore.exchanged")
  }

  /// The replaced data: under the staging name, moved aside, or already a safety copy; nil when there was none.
  private func replaced(_ place: VolumePlace) throws -> String? {
    try [place.staging(id), place.aside(id), place.safetyCopy(safetyCopy)].first {
      try FileSystem.status($0)?.isDirectory == true
    }
  }

  private func keep(_ place: VolumePlace) throws -> String? {
    let copy = place.safetyCopy(safetyCopy)
    guard let old = try replaced(place) else { return nil }
    if old == copy { return copy }
    // An empty directory is nothing to keep. rmdir takes no other.
    if rmdir(old) == 0 { return nil }
    try renames.move(old, to: copy)
    KillPoint.reached("restore.kept")
    return copy
  }

  private func confirm(_ place: VolumePlace) throws {
    guard let marker = try RestoreMarker.read(in: place.path), marker.id == id else { return }
    try marker.remove(from: place.path)
    KillPoint.reached("restore.confirmed")
  }

  private func takeBack(_ place: VolumePlace) throws {
    let staging = place.staging(id)
    guard let old = try replaced(place) else { return try renames.move(place.path, to: staging) }
    if old != staging { try renames.move(old, to: staging) }
    try renames.exchange(staging, with: place.path, aside: place.aside(id))
  }

  private func state(_ place: VolumePlace) throws -> SwapState { try SwapState(of: place, id: id) }

  private static func message(_ error: any Error) -> String { (error as? GoudError)?.message ?? "\(error)" }
}
