public import Foundation
public import GoudCore
import Layout

#if canImport(Glibc)
  import Glibc
#endif

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
  let exchanges: [any VolumeExchange]
  public var id: String { marker.id }
  /// The backup's name, or the safety copy's stamp.
  public var backup: String { marker.backup }
  public var started: Date { marker.started }
  /// Every volume of it, where it is now.
  public var volumes: [VolumePlace] { exchanges.map(\.place) }
  /// What the next run will make of it.
  public let outcome: Outcome

  /// `finished goud-chain-backup-…`, or `rolled back …`.
  public var summary: String { "\(outcome == .finished ? "finished" : "rolled back") \(backup)" }

  /// The unfinished restores that have a part at `place`. Reads only. Says nothing about whether one is still running.
  /// - Throws: `restore.unproven` for a marker that cannot be read, or must not be believed.
  public static func find(at place: VolumePlace) throws -> [PendingRestore] {
    var markers: [String: RestoreMarker] = [:]
    for id in try place.tails(.restore, .inside) where RestoreName.isIdentifier(id) {
      markers[id] = try InsideExchange(place: place, id: id).marker()
    }
    if let marker = try BesideExchange.marker(in: place.path, of: place) {
      guard marker.keepsNodesOut != true || markers[marker.id] != nil else {
        throw RestoreMarker.refusal(
          "\(place.path)/\(RestoreMarker.fileName)", "keeps nodes out, and what it belongs to is gone")
      }
      if markers[marker.id] == nil { markers[marker.id] = marker }
    }
    for id in try place.tails(.restore, .beside) where RestoreName.isIdentifier(id) {
      let staging = place.path(.restore, id, .beside)
      if let marker = try BesideExchange.marker(in: staging, of: place), marker.id == id { markers[id] = marker }
    }
    return try markers.values.sorted { $0.id < $1.id }.map { try PendingRestore($0, at: place) }
  }

  private init(_ marker: RestoreMarker, at place: VolumePlace, _ renames: Renames = Renames()) throws {
    self.marker = marker
    exchanges = try marker.places(seenFrom: place).map { try $0.exchange(marker.id, renames) }
    outcome = SwapDirection(try exchanges.map { try $0.state() }) == .forward ? .finished : .rolledBack
  }
}

extension RestoreMarker {
  /// Where the volumes that it names are, for a marker that was found at `place`: siblings of it, or known by a link in
  /// the same directory. Anywhere else nothing is moved.
  ///
  /// The directory may have been moved or mounted elsewhere since: its volumes went with it.
  fileprivate func places(seenFrom place: VolumePlace) throws -> [VolumePlace] {
    guard FileSystem.name(of: volume) == place.name else {
      throw Self.refusal("\(place.path)/\(Self.fileName)", "is of another volume, \(volume)")
    }
    let linked = try volumes.allSatisfy { isSibling($0) } ? [] : VolumePlace.linked(in: place.catalog)
    return try volumes.map { path in
      if path == volume { return place }
      if isSibling(path) {
        return try VolumePlace("\(place.directory == "/" ? "" : place.directory)/\(FileSystem.name(of: path))")
      }
      if let known = linked.first(where: { $0.path == path }) { return known }
      throw Self.refusal("\(place.path)/\(Self.fileName)", "names a volume that lies elsewhere, \(path)")
    }
  }

  private func isSibling(_ path: String) -> Bool { FileSystem.parent(of: path) == FileSystem.parent(of: volume) }
}

/// What became of the unfinished restores of several volumes.
public struct Settlement: Sendable {
  public internal(set) var settled: [PendingRestore] = []
  /// Of volumes where nothing could be decided; the others were settled all the same.
  public internal(set) var failures: [GoudError] = []

  /// - Throws: the first failure; its message names the others.
  public func check() throws {
    guard let first = failures.first else { return }
    let others = Set(failures.dropFirst().map(\.message)).subtracting([first.message]).sorted()
    throw GoudError(
      first.code, ([first.message] + others).joined(separator: "; and "), hint: first.hint, context: first.context,
      cause: first.cause)
  }
}

extension PendingRestore {
  /// Finishes or rolls back whatever earlier runs left at these volumes. A volume where that fails stops no other.
  public static func settle(_ places: [VolumePlace], proof: RestoreProof = RestoreProof()) -> Settlement {
    let locks = VolumeLocks()
    var result = Settlement()
    for place in places {
      do {
        result.settled += try settle(at: place, locks: locks) { try proof.quick($0) }
      } catch let error as GoudError {
        result.failures.append(error)
      } catch {
        result.failures.append(GoudError(.ioFailed, "\(place.path): \(error)", cause: error))
      }
    }
    return result
  }

  /// The volumes in a directory, also those that are not there at the moment, that an earlier run left something of, or
  /// that hold a marker which is not believed.
  public static func places(in directory: String) throws -> [VolumePlace] {
    guard try FileSystem.status(directory)?.isDirectory == true else { return [] }
    let names = try FileSystem.knownNames(in: directory).compactMap { name -> String? in
      guard name.hasPrefix(".") else { return name }
      let ends = RestoreName.allCases.compactMap { name.range(of: ".\($0.rawValue)-", options: .backwards) }
      return ends.map(\.lowerBound).max().map { String(name[..<$0].dropFirst()) }
    }
    return try Set(names).sorted().map { "\(directory)/\($0)" }
      // A link that leads nowhere leads to nothing unfinished either.
      .filter { try $0 != "\(directory)/" && (FileSystem.status($0)?.isLink != true || FileSystem.realPath($0) != nil) }
      .map { try VolumePlace($0) }
      .filter { (try? !hasAnything(at: $0)) != true }
  }

  private static func hasAnything(at place: VolumePlace) throws -> Bool {
    if try !find(at: place).isEmpty { return true }
    return try RestoreName.Site.allCases.contains { site in
      try [.restore, .discarded].contains { try !place.tails($0, site).isEmpty }
    }
  }

  /// Finishes or rolls back whatever an earlier run left at `place`, and deletes what it had discarded.
  /// - Parameters:
  ///   - keeping: what is discarded keeps its name as such, so that its files can be used once more (`Discard.kept`).
  ///   - check: throws when a volume, in its place, cannot be opened.
  /// - Returns: what was done; empty when there was nothing.
  /// - Throws: `volume.locked` while that run is alive; `volume.database-open` when a node has the old data of a volume
  ///   open that must be swapped; `restore.unproven` when the new data did not open: the old data is then back.
  static func settle(
    at place: VolumePlace, locks: VolumeLocks, renames: Renames = Renames(), keeping: Bool = false,
    check: (VolumePlace) throws -> Void
  ) throws -> [PendingRestore] {
    guard try hasAnything(at: place) else { return [] }
    try locks.take(place)
    var settled: [PendingRestore] = []
    for pending in try find(at: place) {
      for volume in pending.volumes { try locks.take(volume) }
      // Read again: only with the locks is it certain that nobody is at it.
      guard let found = try find(at: place).first(where: { $0.id == pending.id }) else { continue }
      let pending = try PendingRestore(found.marker, at: place, renames)
      try pending.settle(locks: locks, keeping: keeping, check: check)
      settled.append(pending)
    }
    for volume in Set(settled.flatMap(\.volumes) + [place]) {
      try discardUnmarked(volume)
      if !keeping { try Discard.leftovers(of: volume) }
      try locks.take(volume)  // another directory may be the volume now
    }
    return settled
  }

  private func settle(locks: VolumeLocks, keeping: Bool, check: (VolumePlace) throws -> Void) throws {
    let swap = Swap(exchanges: exchanges, safetyCopy: marker.safetyCopy)
    switch outcome {
    case .rolledBack:
      try swap.undo()
      try swap.discard(keeping: keeping)
    case .finished:
      do {
        try finish(swap, check: check)
      } catch {
        // Swapped back: what was built must not wait for a third try. Otherwise everything stays for the next run.
        if try exchanges.allSatisfy({ try $0.state() != .swapped }) { try swap.discard() }
        throw error
      }
    }
  }

  private func finish(_ swap: Swap, check: (VolumePlace) throws -> Void) throws {
    var holds: [DatabaseHold] = []
    var used: Set<VolumePlace> = []
    for exchange in exchanges {
      let state = try exchange.state()
      if state == .staged, try exchange.marker()?.state != .proven { throw inconsistent(exchange) }
      for directory in try exchange.directories() where try FileSystem.status(directory)?.isDirectory == true {
        do {
          holds.append(try DatabaseHold(directory, isNew: state == .swapped || directory == exchange.staging))
        } catch let error as GoudError where error.code == .volumeBusy && state == .swapped {
          // A node that has the new data open has proven it better than a look could; it is not disturbed by the rest.
          used.insert(exchange.place)
        }
      }
    }
    _ = try swap.run { if !used.contains($0) { try check($0) } }
    withExtendedLifetime(holds) {}
  }

  /// A staging directory that was made and got no marker: empty, but for a marker that was being written. One with
  /// anything else in it is left alone.
  private static func discardUnmarked(_ place: VolumePlace) throws {
    for site in RestoreName.Site.allCases {
      for id in try place.tails(.restore, site) {
        let path = place.path(.restore, id, site)
        guard try FileSystem.status(path)?.isDirectory == true else { continue }
        try Leftovers(in: path).remove()
        guard try FileSystem.names(in: path).isEmpty else { continue }
        try Discard.keepingTime(of: place, site) {
          guard rmdir(path) == 0 || errno == ENOENT else { throw GoudError.system("remove", path) }
        }
      }
    }
  }

  private func inconsistent(_ exchange: any VolumeExchange) -> GoudError {
    GoudError(
      .restoreUnproven,
      "restore \(id) has swapped other volumes, but what it built for \(exchange.place.path) is not marked as proven",
      hint: "see docs/disaster-recovery.md, \"when a restore stops\", and decide by hand",
      context: ["path": exchange.staging])
  }
}
