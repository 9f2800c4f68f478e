public import Archive
import Foundation
import GoudCore

/// A backup, as far as a restore must know it.
public struct RestoreSource: Sendable {
  /// The backup's name: `goud-chain-backup-local-20261123-121123`.
  public var name: String
  /// nil when the backup does not say (some that the guide's scripts made).
  public var environment: String?
  /// The digest of the archive file; nil when it was not checked.
  public var sha256: String?
  public var volumes: [BackupMetadata.Volume]
  /// Whether `volumes` says how large each volume is and what databases it holds.
  public var isDescribed: Bool
  /// Who vouches for it; nil: nobody is asked, as for what comes from no archive.
  public var signature: ArchiveSignature?
  /// The chain that every volume of it must hold, and prove, to be put in place; nil: any, or none.
  public var chain: String?
  /// Whether what is built may have gone on since `volumes` was said: by the tail of a repository.
  public var isGrowing = false
  /// Whether files come from far away: then what an attempt has made that was interrupted is kept, and used by the next.
  public var resumes = false
  /// Builds volumes, each into an empty directory. Verifies every byte against
  /// the backup's checksums, and throws unless everything asked for is there, agrees, and is on the device. Returns
  /// what could not be put on the files: the owner and some attributes, unless run by root.
  public var build: @Sendable (RestoreBuild) throws -> [String]

  public init(
    name: String, environment: String?, sha256: String? = nil, volumes: [BackupMetadata.Volume],
    isDescribed: Bool = true,
    build: @escaping @Sendable (RestoreBuild) throws -> [String]
  ) {
    self.name = name
    self.environment = environment
    self.sha256 = sha256
    self.volumes = volumes
    self.isDescribed = isDescribed
    self.build = build
  }
}

/// What to restore, where, and what the user insists on.
public struct RestoreRequest: Sendable {
  public enum Target: Sendable {
    /// Each volume under its name in this directory, `$GOUD_HOME/<environment>/volumes`.
    case directory(String)
    /// One volume at this path.
    case path(String)
  }

  public var target: Target
  /// The environment that the user named; nil: whatever the backup says.
  public var environment: String?
  /// Restore only this volume of the backup, `node1_data` or `node1`; nil: all.
  public var volume: String?
  /// `--unproven`: also what the linked RocksDB cannot open.
  public var allowUnproven = false
  /// `--replace-foreign`: also onto a volume with another database's identity.
  public var replaceForeign = false
  /// `--replace-chain`: also onto a volume that belongs to another chain, or to a newer version of Goud.
  public var replaceChain = false
  /// `--height`: cut the chain of every volume above this block. Only for a whole network.
  public var height: UInt64?
  /// `--new-beginning`: let most of the network's nodes begin anew without the others.
  public var newBeginning = false
  /// Replace also what is left of a volume that has no database any more.
  var replaceRemains = false
  /// Noted in each volume's standing, for people.
  public var reason = "restored"

  public init(target: Target, environment: String? = nil, volume: String? = nil) {
    self.target = target
    self.environment = environment
    self.volume = volume
  }
}
