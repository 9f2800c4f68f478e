import Foundation
import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// Exchanges volumes with their newest safety copies. What is present now becomes a safety copy in turn, so a rollback
/// can be rolled back. The same swap as a restore's, with the same promises.
public struct Rollback: Sendable {
  public enum Target: Sendable {
    /// Every volume of this directory that the newest run replaced.
    case newest(directory: String)
    case volume(path: String)
    /// These and no others: what one run has replaced.
    case copies([SafetyCopy])
  }

  public var target: Target
  public var proof = RestoreProof()
  /// Also put back a safety copy that does not open.
  public var allowUnproven = false
  var renames = Renames()

  public init(_ target: Target) { self.target = target }

  /// What `run` would put back; touches nothing.
  /// - Throws: `restore.nothing-to-roll-back`, `volume.locked`, `volume.database-open`, `restore.not-a-volume`,
  ///   `restore.crosses-file-systems`.
  public func plan() throws -> [SafetyCopy] { try plan(VolumeLocks()) }

  private func plan(_ locks: VolumeLocks) throws -> [SafetyCopy] {
    let copies = try choose()
    for copy in copies {
      try locks.refuseHeld(copy.place)
      try copy.place.refuseMounts(copy.site)
      if try PresentVolume(at: copy.place).isVolume { try DatabaseHold.refuseOpen(copy.place.path) }
    }
    return copies
  }

  /// - Parameter confirm: sees what is put back, and throws to end the run there.
  /// - Returns: what was done. On disk: the safety copies in place, what they replaced as safety copies of one new stamp.
  /// - Throws: what `plan` throws; `restore.unproven` when a safety copy does not open. The volumes are then as before.
  public func run(confirm: ([SafetyCopy]) throws -> Void = { _ in }) throws -> RestoreReport {
    try run(VolumeLocks(), confirm: confirm)
  }

  /// - Parameter locks: those of the run that this rollback is a part of.
  func run(_ locks: VolumeLocks, confirm: ([SafetyCopy]) throws -> Void = { _ in }) throws -> RestoreReport {
    var settled = try settle(locks)
    let planned = try plan(locks)
    try planned.forEach(prove)
    try confirm(planned)
    for place in try places() { try locks.take(place) }
    settled += try settle(locks)
    let copies = try choose()
    let holds = try copies.flatMap { copy in
      let present = try PresentVolume(at: copy.place).isVolume ? [try DatabaseHold(copy.place.path)] : []
      return present + [try DatabaseHold(copy.path)]
    }
    let kept = try swap(copies)
    withExtendedLifetime((locks, holds)) {}
    return RestoreReport(copies, kept: kept, settled: settled)
  }

  private func places() throws -> [VolumePlace] {
    switch target {
    case .volume(let path): [try VolumePlace(path)]
    case .newest(let directory): try SafetyCopy.places(in: directory)
    case .copies(let copies): copies.map(\.place)
    }
  }

  private func choose() throws -> [SafetyCopy] {
    if case .copies(let copies) = target {
      for copy in copies where try FileSystem.status(copy.path)?.isDirectory != true {
        throw GoudError(
          .restoreNothingToRollBack, "the safety copy \(copy.path) is gone", hint: "restore a backup instead",
          context: ["path": copy.path])
      }
      return copies
    }
    let newest = try places().compactMap { try SafetyCopy.all(of: $0).first }
    guard let last = newest.max(by: { $1.isNewer(than: $0) }) else {
      let place =
        switch target {
        case .volume(let path), .newest(let path): path
        case .copies: ""
        }
      throw GoudError(
        .restoreNothingToRollBack, "there is no safety copy beside \(place)",
        hint: "a restore keeps one for SAFETY_COPY_RETENTION_DAYS; restore a backup instead", context: ["path": place])
    }
    return newest.filter { $0.stamp == last.stamp }
  }

  private func settle(_ locks: VolumeLocks) throws -> [PendingRestore] {
    try places().flatMap {
      try PendingRestore.settle(at: $0, locks: locks, renames: renames) { try proof.quick($0) }
    }
  }

  private func prove(_ copy: SafetyCopy) throws {
    guard !allowUnproven else { return }
    do {
      try Discard.keepingTime(of: copy.place, copy.site) { try proof.quick(try VolumePlace(copy.path)) }
    } catch let error as GoudError {
      throw GoudError(
        .restoreUnproven, "the safety copy \(copy.path) does not open: \(error.message)",
        hint: "restore a backup instead, or pass --unproven to put it back all the same", cause: error)
    }
  }

  private func swap(_ copies: [SafetyCopy]) throws -> [VolumePlace: String] {
    let places = copies.map(\.place)
    let now = Date(timeIntervalSince1970: Date().timeIntervalSince1970.rounded(.down))
    let marker = RestoreMarker(
      id: RestoreMarker.newIdentifier(), backup: "safety copy \(copies[0].stamp)", rollbackOf: copies[0].stamp,
      started: now, volume: "", volumes: places.map(\.path), state: .proven,
      safetyCopy: try SafetyCopy.newStamp(for: places, now: now))
    let swap = Swap(
      exchanges: copies.map { $0.place.newExchange(marker.id, $0.site, renames) }, safetyCopy: marker.safetyCopy)
    do {
      try RolledBackChains.mark(copies)
      for (copy, exchange) in zip(copies, swap.exchanges) { try exchange.begin(own(marker, copy), with: copy) }
      return try swap.run { if !allowUnproven { try proof.quick($0) } }
    } catch {
      // What cannot be put back now is found by its marker and put back by the next run; the first error counts.
      try? swap.discard()
      throw error
    }
  }

  private func own(_ marker: RestoreMarker, _ copy: SafetyCopy) throws -> RestoreMarker {
    var own = marker
    own.volume = copy.place.path
    let modified = try Descriptor.open(copy.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW).status().st_mtim
    own.rootModified = [Int64(modified.tv_sec), Int64(modified.tv_nsec)]
    return own
  }
}

extension RestoreReport {
  fileprivate init(_ copies: [SafetyCopy], kept: [VolumePlace: String], settled: [PendingRestore]) {
    signature = nil
    backup = "safety copy \(copies[0].stamp)"
    volumes = copies.map {
      Volume(
        name: $0.place.name, path: $0.place.path, bytes: .zero, safetyCopy: kept[$0.place], chain: nil, standing: nil)
    }
    self.settled = settled.map(\.summary)
    notes = []
    warnings = []
  }
}
