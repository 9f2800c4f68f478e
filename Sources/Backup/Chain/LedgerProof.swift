package import Archive
package import Chain
import Foundation
package import GoudCore
import RocksDB
package import VolumeSnapshot

/// The ledger of a volume at rest: proven block by block, apart from the code that writes ledgers.
package struct LedgerProof: Sendable {
  /// The volume's name in the backup.
  package let volume: String
  /// The database, absolute; nobody has it open.
  package let directory: String
  /// `node1_data/rocksdb`, for errors.
  package let name: String

  /// - Parameter location: a database of the volume.
  /// - Returns: nil when its column families are not those of a ledger.
  package init?(_ location: DatabaseLocation, of volume: String) throws {
    let name = location.path == "." ? volume : "\(volume)/\(location.path)"
    do {
      guard Set(Ledger.families).isSubset(of: try DatabaseView.families(in: location.directory)) else { return nil }
    } catch let error as RocksDBError {
      throw GoudError(.databaseCorrupt, "\(name): \(error.message)", cause: error)
    }
    self.volume = volume
    self.name = name
    directory = location.directory
  }

  /// The ledgers of a volume.
  package static func find(in path: String, of volume: String) throws -> [LedgerProof] {
    try DatabaseLocation.find(in: path).compactMap { try LedgerProof($0, of: volume) }
  }

  /// Walks the whole chain and every index.
  /// - Parameters:
  ///   - noted: what the backup says of the chain; nil: nothing to compare with.
  ///   - growing: whether the chain may have gone on since that was said (by a tail): then its block there must be that one.
  /// - Throws: `chain.invalid`, naming height and rule, also when it is not the chain that the backup names;
  ///   `chain.not-a-ledger`, `chain.newer-schema`, `database.corrupt`.
  package func check(
    against noted: BackupMetadata.Chain?, growing: Bool = false, _ cancellation: Cancellation,
    _ progress: any ProgressSink
  ) throws -> VerifiedLedger {
    var verifier = LedgerVerifier(directory: directory)
    verifier.cancellation = cancellation
    verifier.progress = progress
    let verified: VerifiedLedger
    do {
      verified = try verifier.verify()
    } catch let error as GoudError {
      // In the names of the backup: the directory is one that nobody knows.
      guard let fault = error.cause as? ChainFault else { throw error.within(name) }
      throw fault.error.within(name)
    }
    guard let noted else { return verified }
    let found = growing ? try reference(at: UInt64(max(0, noted.height)), below: verified.head) : verified.head
    let claims = [
      ("chain", noted.id, verified.chain.hex), ("height", "\(noted.height)", "\(found.height)"),
      ("head", noted.head, found.hash.hex),
    ]
    if let (what, said, found) = claims.first(where: { $0.1 != $0.2 }) {
      throw GoudError(
        .chainInvalid, "\(name): the \(what) is \(found), the backup says \(said)",
        hint: "do not trust this backup; use another one",
        context: ["fault": "head", "height": "\(verified.head.height)"])
    }
    return verified
  }

  /// - Returns: the head where the chain is shorter.
  private func reference(at height: UInt64, below head: BlockReference) throws -> BlockReference {
    guard height < head.height, let ledger = try LedgerGlance(directory: directory, as: name) else { return head }
    return try ledger.reference(at: height)
  }

  /// Holds ledgers at rest against each other.
  /// - Throws: `chain.invalid`, naming the volumes that disagree; `chain.foreign` when there are several chains.
  package static func refuseDisagreement(_ ledgers: [LedgerProof]) throws {
    let members = try ledgers.compactMap { ledger in
      try LedgerGlance(directory: ledger.directory, as: ledger.name).map {
        ChainAgreement.Member(volume: ledger.volume, $0)
      }
    }
    guard let dissent = try ChainAgreement(members).dissenting.first else { return }
    let several = Set(members.map(\.facts.chain)).count > 1
    throw GoudError(
      several ? .chainForeign : .chainInvalid,
      "the volumes do not hold one chain: \(dissent.volume): \(dissent.reason)",
      hint: "restore one volume at a time with --volume; the network feeds the others",
      context: ["volume": dissent.volume])
  }
}
