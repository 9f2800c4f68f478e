import Archive
import Chain
import VolumeSnapshot

extension BackupMetadata.Chain {
  /// The same facts as a backup notes and a program reads them.
  public init(_ facts: ChainFacts) {
    self.init(
      id: facts.chain.hex, network: facts.network, validators: facts.validators,
      schemaVersion: Int(facts.schemaVersion), height: Int64(clamping: facts.height), head: facts.head.hash.hex,
      acknowledged: Int64(clamping: facts.acknowledged))
  }
}

extension DatabaseSnapshot {
  /// The facts of the chain as of the snapshot; the live database is not touched.
  ///
  /// - Returns: nil when the database is not a ledger, or its view did not open (`unproven`).
  /// - Throws: `chain.newer-schema`; `database.corrupt` when the ledger's head or genesis block is not whole.
  public func chainFacts() throws -> ChainFacts? {
    guard view != nil else { return nil }
    return try ChainFacts.read(directory: viewDirectory, as: location.directory)
  }
}
