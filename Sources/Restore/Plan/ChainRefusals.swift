import Archive
import Backup
import Chain
import GoudCore

extension RestorePlan.Step {
  /// - Parameters:
  ///   - chain: what the user trusts; nil: nothing is asked.
  ///   - found: what the backup claims, or what was proven; nil: no chain.
  /// - Throws: `archive.untrusted`.
  func refuse(expecting chain: String?, found: String?) throws {
    guard let chain, found != chain else { return }
    throw ArchiveTrust.foreign(volume, found, expected: chain)
  }

  /// Decides by the chains where both are known, otherwise by RocksDB's identities, which a volume that was rebuilt from
  /// its peers does not share with its own backups.
  ///
  /// - Parameter restored: the chain of what is restored, 64 digits; what the backup claims, or what was proven.
  /// - Returns: whether the identities are still to be compared.
  /// - Throws: `restore.foreign-chain`; `chain.newer-schema` for a present volume of a newer version.
  func refuseForeignChain(_ restored: String?, _ request: RestoreRequest) throws -> Bool {
    guard !request.replaceChain else { return false }
    switch presentChain {
    case .unknown: return true
    case .newer(let error): throw error
    case .chain(let present):
      guard let restored else { return true }
      guard restored != present.hex else { return false }
      throw GoudError(
        .restoreForeignChain,
        "restore refused: the backup belongs to chain \(restored.prefix(12)), \(place.path) to chain \(present.short)",
        hint: "name another place with --to, or pass --replace-chain to keep the present data as a safety copy",
        context: ["path": place.path, "backup": restored, "present": present.hex])
    }
  }

  /// - Throws: `chain.newer-schema` when the backup says that this version cannot read it.
  func refuseNewerSchema() throws {
    guard let chain, chain.schemaVersion > Int(ChainSchema.version) else { return }
    throw GoudError(
      .chainNewerSchema,
      "\(volume) has schema version \(chain.schemaVersion); this version of goud reads \(ChainSchema.version)",
      hint: "use the goud that made the backup; nothing was changed",
      context: ["volume": volume, "schema": "\(chain.schemaVersion)"])
  }
}
