public import GoudCore

/// How a snapshot is taken.
public struct SnapshotOptions: Sendable {
  /// A directory for the copies of the logs, with as much room as they take; nil: a private one (`PrivatePlace`).
  public var scratch: String?
  /// How long to wait for two equal looks. Default 60 s.
  public var patience: Duration = .seconds(60)
  /// Take the capture even when the linked RocksDB cannot open it; says why in `unproven`.
  public var allowUnproven = false
  /// Read every key whose order RocksDB does not know. Default true; costs one pass over the tables with such keys.
  public var proveOrders = true
  /// Copy tables and blob files into `scratch` rather than hold them, for a database that deletes bit by bit what it no
  /// longer needs; takes as much room there. Default false.
  public var copiesTables = false
  /// Leave out what other file systems are mounted on inside the volume.
  public var oneFileSystem = false
  public var cancellation = Cancellation()
  /// Nobody writes the database meanwhile: its logs are read where they are, and not copied.
  var isAtRest = false
  /// Only tests change these.
  var secondLook = true
  var pauseBeforeLogs: Duration = .zero

  public init(scratch: String? = nil) { self.scratch = scratch }

  /// Where files without a name go.
  func openScratch() throws -> Descriptor { try PrivatePlace.open(unless: scratch) }
}
