import Foundation
import GoudCore

/// A restore or rollback that was stopped, found by what it left on disk. It is finished or rolled back before anything
/// else happens to its volumes.
public struct PendingRestore: Sendable {
  public enum Outcome: String, Sendable, Codable {
    /// Every volume holds the new data; what it replaced is a safety copy.
    case finished
    /// Every volume holds the old data; what was built is gone.
    case rolledBack
  }

  let marker: RestoreMarker
  public var id: String { marker.id }
  /// The backup's name, or the safety copy's stamp.
  public var backup: String { marker.backup }
  public var started: Date { marker.started }
  /// Every volume of it, where it is now.
  public let volumes: [VolumePlace]
  /// What the next run will make of it.
  public let outcome: Outcome

  /// `finished goud-chain-backup-…`, or `rolled back …`.
  public var summary: String { "\(outcome == .finished ? "finished" : "rolled back") \(backup)" }

  /// The unfinished restores that have a part at `place`. Reads only. Says nothing about whether one is still running.
  /// - Throws: `restore.unproven` for a marker that cannot be read.
  public static func find(at place: VolumePlace) throws -> [PendingRestore] {
    var markers: [String: RestoreMarker] = [:]
    if let marker = try RestoreMarker.read(in: place.path) { markers[marker.id] = marker }
    for id in try place.siblings(.restore) {
      if let marker = try RestoreMarker.read(in: place.staging(id)), marker.id == id { markers[id] = marker }
    }
    return try markers.values.sorted { $0.id < $1.id }.map { try PendingRestore($0, at: place) }
  }

  private init(_ marker: RestoreMarker, at place: VolumePlace) throws {
    self.marker = marker
    // The directory may have been moved or mounted elsewhere since: its volumes went with it.
    let before = try VolumePlace(marker.volume)
    volumes = try marker.volumes.map {
      let other = try VolumePlace($0)
      if other.path == before.path { return place }
      return before.directory == other.directory ? try VolumePlace("\(place.directory)/\(other.name)") : other
    }
    outcome =
      SwapDirection(try volumes.map { try SwapState(of: $0, id: marker.id) }) == .forward
      ? .finished : .rolledBack
  }
}

extension PendingRestore {
  /// Finishes or rolls back whatever earlier runs left at these volumes.
  /// - Throws: `volume.locked`, `volume.database-open`, `restore.unproven`.
  public static func settle(_ places: [VolumePlace], proof: RestoreProof = RestoreProof()) throws -> [PendingRestore] {
    let locks = VolumeLocks()
    return try places.flatMap { try settle(at: $0, locks: locks) { try proof.quick($0) } }
  }

  /// The volumes in a directory, also those that are not there at the moment, that an earlier run left something of.
  public static func places(in directory: String) throws -> [VolumePlace] {
    guard try FileSystem.status(directory)?.isDirectory == true else { return [] }
    let names = try FileSystem.names(in: directory).compactMap { name -> String? in
      guard name.hasPrefix(".") else { return name }
      let ends = VolumePlace.Sibling.allCases.compactMap { name.range(of: ".\($0.rawValue)-", options: .backwards) }
      return ends.map(\.lowerBound).max().map { String(name[..<$0].dropFirst()) }
    }
    return try Set(names).sorted().filter { !$0.isEmpty }.map { try VolumePlace("\(directory)/\($0)") }
      .filter { try !find(at: $0).isEmpty || !$0.siblings(.restore).isEmpty || !$0.siblings(.discarded).isEmpty }
  }

  /// Finishes or rolls back whatever an earlier run left at `place`, and deletes what it had discarded.
  /// - Parameter check: throws when a volume, in its place, cannot be opened.
  /// - Returns: what was done; empty when there was nothing.
  /// - Throws: `volume.locked` while that run is alive; `volume.database-open` when a node has the old data of a volume
  ///   open that must be swapped; `restore.unproven` when the new data did not open: the old data is then back.
  static func settle(
    at place: VolumePlace, locks: VolumeLocks, renames: Renames = Renames(), check: (VolumePlace) throws -> Void
  ) throws -> [PendingRestore] {
    guard try !find(at: place).isEmpty || !place.siblings(.restore).isEmpty || !place.siblings(.discarded).isEmpty
    else {
      return []
    }
    try locks.take(place)
    var settled: [PendingRestore] = []
    for pending in try find(at: place) {
      for volume in pending.volumes { try locks.take(volume) }
      // Read again: only with the locks is it certain that nobody is at it.
      guard let pending = try find(at: place).first(where: { $0.id == pending.id }) else { continue }
      try pending.settle(locks: locks, renames: renames, check: check)
      settled.append(pending)
    }
    for volume in Set(settled.flatMap(\.volumes) + [place]) {
      try discardUnmarked(volume)
      try Discard.leftovers(of: volume)
      try locks.take(volume)  // another directory may be the volume now
    }
    return settled
  }

  private func settle(locks: VolumeLocks, renames: Renames, check: (VolumePlace) throws -> Void) throws {
    let swap = Swap(id: id, places: volumes, safetyCopy: marker.safetyCopy, renames: renames)
    switch outcome {
    case .rolledBack:
      try swap.undo()
      try discard()
    case .finished:
      do {
        try finish(swap, check: check)
      } catch {
        // Swapped back: what was built must not wait for a third try. Otherwise everything stays for the next run.
        if try volumes.allSatisfy({ try SwapState(of: $0, id: id) != .swapped }) { try discard() }
        throw error
      }
    }
  }

  private func finish(_ swap: Swap, check: (VolumePlace) throws -> Void) throws {
    var holds: [DatabaseHold] = []
    var used: Set<VolumePlace> = []
    for volume in volumes {
      switch try SwapState(of: volume, id: id) {
      case .staged:
        guard try RestoreMarker.read(in: volume.staging(id))?.state == .proven else { throw inconsistent(volume) }
        if try FileSystem.status(volume.path)?.isDirectory == true { holds.append(try DatabaseHold(volume.path)) }
        holds.append(try DatabaseHold(volume.staging(id)))
      case .aside: holds.append(try DatabaseHold(volume.staging(id)))
      case .swapped:
        // A node that has the new data open has proven it better than a look could; it is not disturbed by the rest.
        do {
          holds.append(try DatabaseHold(volume.path))
        } catch let error as GoudError where error.code == .volumeBusy {
          used.insert(volume)
        }
      case .settled: continue
      }
    }
    _ = try swap.run { if !used.contains($0) { try check($0) } }
    withExtendedLifetime(holds) {}
  }

  /// What was built goes; what was a safety copy becomes one again.
  func discard() throws {
    for volume in volumes where try RestoreMarker.read(in: volume.staging(id))?.id == id {
      try Self.discard(marker, at: volume)
    }
  }

  static func discard(_ marker: RestoreMarker, at place: VolumePlace) throws {
    guard let stamp = marker.rollbackOf else {
      try Discard.directory(place.staging(marker.id), of: place)
      return
    }
    try Renames().move(place.staging(marker.id), to: place.safetyCopy(stamp))
    try marker.remove(from: place.safetyCopy(stamp))
  }

  /// A staging directory that was made and got no marker: empty, but for a marker that was being written. One with
  /// anything else in it is left alone.
  private static func discardUnmarked(_ place: VolumePlace) throws {
    for id in try place.siblings(.restore) {
      let path = place.staging(id)
      guard try FileSystem.status(path)?.isDirectory == true else { continue }
      try AtomicFile.removeLeftovers(in: path)
      if try FileSystem.names(in: path).isEmpty { rmdir(path) }
    }
  }

  private func inconsistent(_ volume: VolumePlace) -> GoudError {
    GoudError(
      .restoreUnproven,
      "restore \(id) has swapped other volumes, but what it built for \(volume.path) is not marked as proven",
      hint: "see docs/disaster-recovery.md, \"when a restore stops\", and decide by hand",
      context: ["path": volume.staging(id)])
  }
}
