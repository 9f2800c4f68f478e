public import Archive
public import Chain
public import VolumeSnapshot

extension BackupMetadata.Chain {
  /// The same facts as a backup notes and a program reads them.
  public init(_ facts: ChainFacts) {
    self.init(
      id: facts.chain.hex, network: facts.network, validators: facts.validators,
      schemaVersion: Int(facts.schemaVersion), height: Int64(clamping: facts.height), head: facts.head.hash.hex,
      acknowledged: Int64(clamping: facts.acknowledged))
  }

  /// What a proof found.
  public init(_ ledger: VerifiedLedger) {
    self.init(
      id: ledger.chain.hex, network: ledger.network, validators: ledger.validators,
      schemaVersion: Int(ledger.schemaVersion), height: Int64(clamping: ledger.head.height), head: ledger.head.hash.hex,
      acknowledged: Int64(clamping: ledger.acknowledged))
  }
}

extension DatabaseSnapshot {
  /// The chain as of the snapshot; the live database is not touched.
  ///
  /// - Returns: nil when the database is not a ledger, or its view did not open (`unproven`).
  /// - Throws: `chain.newer-schema`; `database.corrupt` when the ledger's head or genesis block is not whole.
  public func glance() throws -> LedgerGlance? {
    guard view != nil else { return nil }
    return try LedgerGlance(directory: viewDirectory, as: location.directory)
  }

  /// Its facts alone; throws what `glance` throws.
  public func chainFacts() throws -> ChainFacts? { try glance()?.facts }
}
