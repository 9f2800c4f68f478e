public import Archive

/// A ledger of a backup whose chain was walked, from its genesis to its head.
public struct ProvenLedger: Sendable, Encodable {
  /// `node1_data/rocksdb`
  public let path: String
  /// Genesis included.
  public let blocks: UInt64
  public let entries: UInt64
  public let seconds: Double
  public let blocksPerSecond: Double
  public let chain: BackupMetadata.Chain
}

/// A database of a backup that was opened, with every block of every table checked.
public struct ProvenDatabase: Sendable, Encodable {
  /// `node1_data/rocksdb`
  public let path: String
  public let sequence: UInt64
  public let tables: Int
}
