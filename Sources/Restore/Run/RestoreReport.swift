public import Archive
public import GoudCore
import Volumes

/// What a restore or a rollback did.
public struct RestoreReport: Sendable, Codable {
  public struct Volume: Sendable, Codable {
    public let name: String
    public let path: String
    public let bytes: ByteCount
    /// Where the replaced data is; nil when there was none.
    public let safetyCopy: String?
    /// Of a node's volume: the chain that is in place.
    public let chain: BackupMetadata.Chain?
    /// Of a node's volume: `member` of a new beginning, or `rejoining`.
    public let standing: String?
  }

  public let backup: String
  /// Who vouches for the backup; nil for a rollback.
  public let signature: ArchiveSignature?
  public let volumes: [Volume]
  /// Earlier restores that were finished or rolled back first: `finished <backup>`.
  public let settled: [String]
  /// What the user must know: data that is in place unproven.
  public let notes: [String]
  /// What of the backup could not be put on the files, by kind and number of entries.
  public let warnings: [String]

  init(_ plan: RestorePlan, _ result: RestoreOutcome, settled: [PendingRestore]) {
    backup = plan.backup
    signature = plan.signature
    volumes = plan.steps.map {
      let chain = result.chains.heads[$0.volume].map { BackupMetadata.Chain($0) }
      return Volume(
        name: $0.volume, path: $0.place.path, bytes: $0.bytes, safetyCopy: result.kept[$0.place], chain: chain,
        standing: chain.map { _ in result.chains.network?.begins == true ? "member" : "rejoining" })
    }
    self.settled = settled.map(\.summary)
    notes = result.notes
    warnings = result.warnings
  }
}

/// What the run itself came to.
struct RestoreOutcome {
  /// Safety copies.
  var kept: [VolumePlace: String]
  var notes: [String] = []
  var warnings: [String] = []
  var chains = RestoredChains()
}
