import Archive
import Foundation
import GoudCore
import VolumeSnapshot

#if canImport(Glibc)
  import Glibc
#endif

/// Every reason not to begin. Nothing here changes anything.
extension RestoreRequest {
  /// The volumes of the backup that are meant.
  func choose(from source: RestoreSource) throws -> [BackupMetadata.Volume] {
    let names = source.volumes.map(\.name).joined(separator: ", ")
    guard let volume else {
      if case .path = target, source.volumes.count != 1 {
        throw GoudError(
          .volumeAmbiguous, "\(source.name) holds several volumes, and --to names one place",
          hint: "choose one with --volume: \(names)")
      }
      guard !source.volumes.isEmpty else { throw GoudError(.volumeNotFound, "\(source.name) holds no volume") }
      return source.volumes
    }
    let found = [volume, "\(volume)_data"].lazy.compactMap { name in source.volumes.first { $0.name == name } }.first
    guard let found else {
      throw GoudError(.volumeNotFound, "\(source.name) holds no volume '\(volume)'", hint: "it holds \(names)")
    }
    return [found]
  }

  /// - Throws: `archive.unsafe-entry` for a volume name that is more than a name.
  func place(of volume: String) throws -> VolumePlace {
    switch target {
    case .path(let path): return try VolumePlace(path)
    case .directory(let directory):
      guard !volume.isEmpty, volume != ".", volume != "..", !volume.containsSlash, !volume.utf8.contains(0) else {
        throw GoudError(
          .archiveUnsafe, "the backup names a volume '\(volume)', which is not a name",
          hint: "do not trust this archive; --to PATH puts a volume of it in a place of your choice")
      }
      return try VolumePlace("\(directory)/\(volume)")
    }
  }
}

extension RestorePlan.Step {
  func refuse(_ request: RestoreRequest) throws {
    if !unproven.isEmpty && !request.allowUnproven {
      throw GoudError(
        .archiveUnproven, "\(volume) was stored unproven: \(unproven.joined(separator: "; "))",
        hint: "pass --unproven to restore it all the same", context: ["volume": volume])
    }
    try refuseNewerSchema()
    try refuseForeign(identities, chain: chain?.id, request)
    try place.refuseMounts(site)
    let directory = try place.workDirectory(site)
    guard faccessat(AT_FDCWD, directory, W_OK | X_OK, AT_EACCESS) == 0 else {
      throw GoudError.system("create a directory in", directory)
    }
    if present.isVolume && node == nil { try DatabaseHold.refuseOpen(place.path) }
  }

  /// Compares chains; where either is unknown, RocksDB's identities, which stay with a database through backup and
  /// restore.
  ///
  /// - Parameters:
  ///   - restored: by database path; what the backup claims, or what was found in what was built.
  ///   - chain: of what is restored; nil when it is not known.
  /// - Throws: `restore.foreign-volume`, `restore.foreign-chain`, `chain.newer-schema`.
  func refuseForeign(_ restored: [String: String], chain: String?, _ request: RestoreRequest) throws {
    guard try refuseForeignChain(chain, request) else { return }
    guard case .volume(let present) = present, !request.replaceForeign, !present.isEmpty, !restored.isEmpty else {
      return
    }
    let differing = present.keys.sorted().first { restored[$0] != nil && restored[$0] != present[$0] }
    if differing == nil && !Set(present.values).isDisjoint(with: restored.values) { return }
    let path = differing ?? present.keys.sorted()[0]
    let own = restored[path] ?? restored.values.sorted()[0]
    throw GoudError(
      .restoreForeign,
      "restore refused: the backup holds database \(own), \(place.path) holds another, \(present[path]!)",
      hint: "name another place with --to, or pass --replace-foreign to keep the present data as a safety copy",
      context: ["path": place.path, "backup": own, "present": present[path]!])
  }
}
