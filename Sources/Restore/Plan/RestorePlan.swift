public import Archive
import Foundation
public import GoudCore
import Layout

/// What a restore would do, decided before anything is touched.
public struct RestorePlan: Sendable {
  public struct Step: Sendable {
    /// The volume's name in the backup.
    public let volume: String
    public let place: VolumePlace
    /// Where its new data is built: beside it, or inside a mount point.
    let site: RestoreName.Site
    public let present: PresentVolume
    /// 0 when the backup does not say.
    public let files: Int
    public let bytes: ByteCount
    /// Why the data cannot be proven, as the backup says.
    public let unproven: [String]
    /// Contents of RocksDB's `IDENTITY`, by database path; empty when the backup does not say.
    public let identities: [String: String]
    /// What the backup says of the volume's chain; nil when it says nothing.
    public let chain: BackupMetadata.Chain?
    /// The chain that is at the place now.
    public let presentChain: PresentChain
    /// The node that runs on the volume now: it is stopped just before the swap, and started after it.
    public let node: String?
  }

  /// The room on one file system.
  public struct Need: Sendable {
    /// A directory on it.
    public let directory: String
    public let bytes: ByteCount
    public let available: ByteCount
  }

  public let backup: String
  public let environment: String?
  public let steps: [Step]
  /// One for each file system; empty when the backup does not say how large it is.
  public let needs: [Need]
  /// Unfinished restores that are finished or rolled back first.
  public let pending: [PendingRestore]
  /// What it means for the network whose chain is restored; nil when the backup says nothing of one.
  public let network: NetworkEffect?
  /// Who vouches for the backup; nil for what comes from no archive.
  public let signature: ArchiveSignature?
}
