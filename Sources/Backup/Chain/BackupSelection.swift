import Archive
import Chain
import GoudCore
import VolumeSnapshot
import Volumes

/// What of a backup's snapshots goes into the archive: all whose chain agrees, and all that hold no chain.
struct BackupSelection {
  struct Part {
    let volume: Volume
    var snapshot: VolumeSnapshot
    /// Of the first database that is a ledger; nil when none is.
    var chain: ChainFacts?
    /// Why the chain could not be read, where the user wants the volume all the same.
    var unproven: String?
  }

  private(set) var parts: [Part] = []
  private(set) var leftOut: [BackupMetadata.LeftOut] = []

  /// - Parameter allowUnproven: keep a volume whose chain cannot be read; its metadata says so.
  /// - Throws: `chain.newer-schema`, `database.corrupt` when nothing would be left.
  init(_ snapshots: [(Volume, VolumeSnapshot)], allowUnproven: Bool) throws {
    var members: [ChainAgreement.Member] = []
    var firstFault: GoudError?
    for (volume, snapshot) in snapshots {
      do {
        guard let ledger = try Pace.process.work(snapshot.ledger) else {
          parts.append(Part(volume: volume, snapshot: snapshot))
          continue
        }
        parts.append(Part(volume: volume, snapshot: snapshot, chain: ledger.facts))
        members.append(ChainAgreement.Member(volume: volume.name, ledger))
      } catch let error as GoudError where error.code == .databaseCorrupt || error.code == .chainNewerSchema {
        if allowUnproven {
          parts.append(Part(volume: volume, snapshot: snapshot, unproven: error.message))
        } else {
          firstFault = firstFault ?? error
          leftOut.append(.init(volume: volume.name, reason: error.message))
        }
      }
    }
    let agreement = try ChainAgreement(members)
    leftOut += agreement.dissenting.map { .init(volume: $0.volume, reason: $0.reason) }
    parts.removeAll { part in agreement.dissenting.contains { $0.volume == part.volume.name } }
    if parts.isEmpty, let firstFault { throw firstFault }
  }
}

extension VolumeSnapshot {
  /// The first of its databases that is a ledger.
  fileprivate func ledger() throws -> LedgerGlance? {
    for database in databases {
      if let ledger = try database.glance() { return ledger }
    }
    return nil
  }
}
