import Archive
import Chain
import Foundation
import GoudCore
import RocksDB
import VolumeSnapshot
import Volumes

/// Proof of volumes that were unpacked from a backup: their databases, and the chains in them.
struct UnpackedProof {
  let scratch: String
  let cancellation: Cancellation
  let progress: any ProgressSink
  private(set) var databases: [ProvenDatabase] = []
  private var ledgers: [(ledger: LedgerProof, noted: BackupMetadata.Chain?, isNodes: Bool, growing: Bool)] = []

  init(scratch: String, cancellation: Cancellation, progress: any ProgressSink) {
    (self.scratch, self.cancellation, self.progress) = (scratch, cancellation, progress)
  }

  /// Opens the databases of a volume and checks every block of every table.
  /// - Parameters:
  ///   - proven: what need not be read again.
  ///   - noted: what the backup says of its chain.
  ///   - chains: whether `chains` is called later.
  ///   - growing: whether the chain may have gone on since that was said.
  mutating func take(
    _ name: String, at directory: String, proven: ProvenFiles, noted: BackupMetadata.Chain?, chains: Bool,
    growing: Bool = false
  ) throws {
    let proof = try VolumeProof.check(
      directory, scratch: scratch, proven: proven, cancellation: cancellation, progress: progress)
    databases += proof.databases.map {
      let path = $0.location.path == "." ? name : "\(name)/\($0.location.path)"
      return ProvenDatabase(path: path, sequence: $0.view.sequence, tables: $0.tables)
    }
    guard chains else { return }
    let found = try proof.databases.compactMap { try LedgerProof($0.location, of: name) }
    if noted != nil, found.isEmpty {
      throw GoudError(
        .chainInvalid, "\(name) holds no ledger, and the backup says it does", hint: "do not trust this backup",
        context: ["fault": "missing"])
    }
    ledgers += found.enumerated().map { ($1, $0 == 0 ? noted : nil, $0 == 0, growing) }
  }

  /// Walks every chain.
  /// - Parameter backup: for messages.
  func chains(of backup: String) throws -> (ledgers: [ProvenLedger], notLedgers: [String]) {
    guard !ledgers.isEmpty else {
      throw GoudError(
        .chainNotALedger,
        "none of the databases in \(backup) is a ledger: \(databases.map(\.path).joined(separator: ", "))",
        hint: "verify at level database")
    }
    let proven = try ledgers.map { try prove($0.ledger, noted: $0.noted, growing: $0.growing) }
    // A node has one ledger; what else lies in its volume is no part of the network.
    try LedgerProof.refuseDisagreement(ledgers.filter(\.isNodes).map(\.ledger))
    return (proven, databases.map(\.path).filter { path in !ledgers.contains { $0.ledger.name == path } })
  }

  private func prove(
    _ ledger: LedgerProof, noted: BackupMetadata.Chain?, growing: Bool
  ) throws -> ProvenLedger {
    let verified = try ledger.check(against: noted, growing: growing, cancellation, progress)
    let seconds = verified.duration.seconds
    return ProvenLedger(
      path: ledger.name, blocks: verified.blocks, entries: verified.entries, seconds: seconds,
      blocksPerSecond: Double(verified.blocks) / max(seconds, 0.000_001), chain: BackupMetadata.Chain(verified))
  }
}
