/// What the process tells its caller when it ends. The numbers are stable and documented in docs/scripting.md.
public enum ExitStatus: Int32, Sendable, CaseIterable {
  case done = 0
  case failed = 1
  case someItemsFailed = 3
  case notFound = 10
  case locked = 11
  case corrupt = 12
  case refused = 13
  case unreachable = 14
  case noRoom = 15
  case warning = 20
  case critical = 21
  case usage = 64
  case interrupted = 130
  case terminated = 143

  /// The HTTP status of an error that has this exit status and none of its own.
  var httpStatus: Int {
    switch self {
    case .done, .warning, .critical: 200
    case .usage: 400
    case .notFound: 404
    case .locked, .refused: 409
    case .failed, .someItemsFailed, .corrupt: 500
    case .unreachable, .interrupted, .terminated: 503
    case .noRoom: 507
    }
  }
}

/// The stable name of a failure: `area.what-happened`. Each has one exit status and one HTTP status, and says whether
/// the same call may succeed later without anything being changed (`retryable`). Corruption is never retryable.
///
/// The table is printed by `docs/scripting.md`; a test holds the two together.
public enum ErrorCode: String, Sendable, CaseIterable, Codable {
  // Anything
  case ioFailed = "io.failed"
  case ioNoRoom = "io.no-room"
  case ioPermission = "io.permission-denied"
  case ioDescriptors = "io.too-many-open-files"
  case interrupted = "run.interrupted"
  case terminated = "run.terminated"
  case usage = "usage.invalid"
  case internalFault = "internal.fault"

  // Configuration
  case configInvalid = "config.invalid-value"
  case environmentUnknown = "config.unknown-environment"

  // Volumes
  case volumeNotFound = "volume.not-found"
  case volumeNotDirectory = "volume.not-a-directory"
  case volumeNoDatabase = "volume.no-database"
  case volumeLocked = "volume.locked"
  case volumeBusy = "volume.database-open"
  case volumeAmbiguous = "volume.ambiguous"
  case volumeFileChanged = "volume.file-changed"
  case volumeUnsafe = "volume.unsafe-entry"
  case volumeStandingInvalid = "volume.invalid-standing"
  case volumeProgressInvalid = "volume.invalid-progress"
  case volumeWouldShrink = "volume.would-shrink"
  case volumeNotExpandable = "volume.not-expandable"
  case volumeToolMissing = "volume.tool-missing"
  case volumeProviderRefused = "volume.provider-refused"
  case volumeProviderTimeout = "volume.provider-timeout"

  // Snapshot and database
  case snapshotUnstable = "snapshot.unstable"
  case snapshotCut = "snapshot.cut"
  case snapshotUnsupported = "snapshot.unsupported-layout"
  case databaseCorrupt = "database.corrupt"
  case databaseUnsupported = "database.unsupported-format"
  case databaseFailed = "database.failed"

  // Chain
  case chainInvalid = "chain.invalid"
  case chainForeign = "chain.foreign"
  case chainNewerSchema = "chain.newer-schema"
  case chainNotALedger = "chain.not-a-ledger"
  case chainAcknowledged = "chain.acknowledged"
  case chainKeyInvalid = "chain.invalid-key"

  // Backup
  case backupInsideVolume = "backup.inside-volume"

  // Archive
  case archiveNotFound = "archive.not-found"
  case archiveCorrupt = "archive.corrupt"
  case archiveChecksumMismatch = "archive.checksum-mismatch"
  case archiveChecksumMissing = "archive.checksum-missing"
  case archiveUnsafe = "archive.unsafe-entry"
  case archiveUnsupported = "archive.unsupported"
  case archiveExists = "archive.exists"
  case archiveUnproven = "archive.unproven"
  case archiveSealed = "archive.sealed"
  case archiveAgeMissing = "archive.age-missing"
  case archiveUntrusted = "archive.untrusted"
  case signingKeyInvalid = "signing.invalid-key"

  // Object storage
  case blobBucketMissing = "blob.bucket-missing"
  case blobNotFound = "blob.not-found"
  case blobExists = "blob.exists"
  case blobChanged = "blob.changed"
  case blobTooLarge = "blob.too-large"
  case blobDenied = "blob.access-denied"
  case blobExpired = "blob.credentials-expired"
  case blobClockSkew = "blob.clock-skew"
  case blobWrongRegion = "blob.wrong-region"
  case blobUnreachable = "blob.unreachable"
  case blobToolMissing = "blob.rclone-missing"

  // Repository
  case repositoryMissing = "repository.missing"
  case repositoryExists = "repository.exists"
  case repositoryWrongPassword = "repository.wrong-password"
  case repositoryUnsupported = "repository.unsupported"
  case repositoryDamaged = "repository.damaged"
  case repositoryUnsafe = "repository.unsafe-entry"
  case repositoryLocked = "repository.locked"
  case repositoryNotFound = "repository.not-found"
  case repositoryKeyNeeded = "repository.key-needed"
  case repositoryForked = "repository.forked"

  // Restore
  case restoreForeign = "restore.foreign-volume"
  case restoreForeignChain = "restore.foreign-chain"
  case restoreWrongEnvironment = "restore.wrong-environment"
  case restoreNotAVolume = "restore.not-a-volume"
  case restoreCrossesFileSystems = "restore.crosses-file-systems"
  case restoreUnproven = "restore.unproven"
  case restoreNothingToRollBack = "restore.nothing-to-roll-back"
  case restoreConfirmation = "restore.confirmation-needed"
  case restorePending = "restore.pending"
  case scheduleNotFound = "schedule.not-found"
  case scheduleReplaceable = "schedule.replaceable"
  case someFailed = "run.some-items-failed"

  // Networks: founding them, and running their nodes
  case networkDiffers = "network.differs"
  case networkLost = "network.volumes-lost"
  case networkNotFounded = "network.not-founded"
  case networkNotRunning = "network.not-running"
  case networkRunning = "network.running"
  case networkRootRefused = "network.root-refused"
  case networkBusy = "network.busy"
  case networkStartFailed = "network.start-failed"
  case nodeUnknown = "network.unknown-node"

  // A container engine
  case engineUnreachable = "engine.unreachable"
  case enginePermission = "engine.permission-denied"
  case engineFailed = "engine.failed"
  case engineImageMissing = "engine.image-missing"
  case engineNameTaken = "engine.name-taken"
  case engineVolumeInUse = "engine.volume-in-use"
  case engineVolumeUnreachable = "engine.volume-unreachable"

  // A node's HTTP side: what is wrong with a request
  case requestMalformed = "request.malformed"
  case requestInvalid = "request.invalid"
  case requestUnknownRoute = "request.unknown-route"
  case requestMethod = "request.method-not-allowed"
  case requestTimeout = "request.timeout"
  case requestTooLarge = "request.too-large"
  case requestHeadTooLarge = "request.head-too-large"
  case requestMediaType = "request.unsupported-media-type"
  case requestRate = "request.too-many"
  case requestForeignHost = "request.foreign-host"
  case requestForeignPage = "request.foreign-page"
  case tokenMissing = "auth.token-missing"
  case tokenInvalid = "auth.token-invalid"
  case tokenExpired = "auth.token-expired"
  case keyMalformed = "auth.key-malformed"
  case keyUnknown = "auth.key-unknown"
  case keyRevoked = "auth.key-revoked"
  case sessionEnded = "auth.session-ended"
  case accountUnknown = "auth.account-unknown"
  case registrationToken = "auth.registration-token"
  case registrationClosed = "auth.registration-closed"
  case entryNotFound = "entry.not-found"
  case accountQuota = "account.quota-exceeded"

  // A node: why it cannot
  case nodeBusy = "node.busy"
  case nodeNotReady = "node.not-ready"
  case nodeNoMajority = "node.no-majority"
  case nodeNoRoom = "node.no-room"
  case nodeUnacknowledged = "node.unacknowledged"
  case portInUse = "node.port-in-use"
  case secretInvalid = "secret.invalid"

  /// What the process exits with when this error ends it.
  public var exitStatus: ExitStatus {
    switch self {
    case .ioFailed, .internalFault, .configInvalid, .volumeFileChanged, .databaseFailed: .failed
    case .ioNoRoom, .nodeNoRoom, .accountQuota: .noRoom
    case .ioPermission, .ioDescriptors: .failed
    case .interrupted: .interrupted
    case .terminated: .terminated
    case .usage: .usage
    case .someFailed: .someItemsFailed
    case .environmentUnknown, .volumeNotFound, .archiveNotFound, .restoreNothingToRollBack: .notFound
    case .volumeNotDirectory, .volumeNoDatabase, .volumeAmbiguous, .volumeUnsafe, .volumeStandingInvalid,
      .volumeProgressInvalid:
      .refused
    case .volumeWouldShrink, .backupInsideVolume, .volumeNotExpandable: .refused
    case .volumeToolMissing: .notFound
    case .volumeProviderRefused: .failed
    case .volumeProviderTimeout: .unreachable
    case .volumeLocked: .locked
    case .volumeBusy: .refused
    case .snapshotUnstable, .snapshotCut: .failed
    case .snapshotUnsupported: .refused
    case .databaseCorrupt: .corrupt
    case .databaseUnsupported: .refused
    case .chainInvalid: .corrupt
    case .chainForeign, .chainNewerSchema, .chainNotALedger, .chainAcknowledged, .chainKeyInvalid: .refused
    case .archiveCorrupt, .archiveChecksumMismatch, .archiveUnsafe: .corrupt
    case .archiveChecksumMissing, .archiveUnsupported, .archiveExists, .archiveUnproven, .archiveSealed,
      .archiveUntrusted,
      .signingKeyInvalid:
      .refused
    case .archiveAgeMissing: .notFound
    case .blobBucketMissing, .blobNotFound: .notFound
    case .blobExists, .blobDenied, .blobExpired, .blobClockSkew, .blobWrongRegion, .blobTooLarge: .refused
    case .blobChanged, .blobToolMissing: .failed
    case .blobUnreachable: .unreachable
    case .repositoryMissing, .repositoryNotFound: .notFound
    case .repositoryExists, .repositoryWrongPassword, .repositoryUnsupported, .repositoryKeyNeeded: .refused
    case .repositoryDamaged, .repositoryUnsafe: .corrupt
    case .repositoryLocked, .repositoryForked: .locked
    case .restoreForeign, .restoreForeignChain, .restoreWrongEnvironment, .restoreNotAVolume,
      .restoreCrossesFileSystems, .restoreUnproven, .restoreConfirmation, .restorePending,
      .scheduleReplaceable:
      .refused
    case .requestMalformed, .requestInvalid, .requestMethod, .requestTooLarge, .requestHeadTooLarge, .requestMediaType:
      .usage
    case .requestUnknownRoute, .entryNotFound: .notFound
    case .requestTimeout, .requestRate, .nodeUnacknowledged: .failed
    case .keyRevoked, .sessionEnded, .registrationToken, .registrationClosed: .refused
    case .tokenMissing, .tokenInvalid, .tokenExpired, .keyMalformed, .keyUnknown, .accountUnknown, .secretInvalid,
      .portInUse, .requestForeignHost, .requestForeignPage:
      .refused
    case .nodeBusy, .nodeNotReady, .nodeNoMajority: .unreachable
    case .networkDiffers, .networkLost, .networkRootRefused: .refused
    case .networkNotFounded, .nodeUnknown, .scheduleNotFound: .notFound
    case .networkNotRunning: .unreachable
    case .networkBusy: .unreachable
    case .networkRunning: .locked
    case .networkStartFailed, .engineFailed: .failed
    case .engineUnreachable, .enginePermission, .engineVolumeUnreachable: .unreachable
    case .engineImageMissing: .notFound
    case .engineNameTaken, .engineVolumeInUse: .refused
    }
  }

  /// What an HTTP answer that carries this error has as its status. Where a code says nothing of its own, the exit
  /// status decides.
  public var httpStatus: Int {
    switch self {
    case .requestMalformed: 400
    case .tokenMissing, .tokenInvalid, .tokenExpired, .keyMalformed, .keyUnknown, .keyRevoked, .sessionEnded,
      .registrationToken:
      401
    case .accountUnknown, .requestForeignPage, .registrationClosed: 403
    case .requestUnknownRoute, .entryNotFound: 404
    case .requestMethod: 405
    case .requestTimeout: 408
    case .requestTooLarge: 413
    case .requestMediaType: 415
    case .requestForeignHost: 421
    case .requestInvalid: 422
    case .requestRate: 429
    case .requestHeadTooLarge: 431
    case .nodeBusy, .nodeNotReady, .nodeNoMajority, .databaseCorrupt: 503
    case .nodeUnacknowledged: 504
    default: exitStatus.httpStatus
    }
  }

  /// Whether the same call may succeed later with nothing changed by hand.
  public var retryable: Bool {
    switch self {
    case .volumeLocked, .volumeBusy, .snapshotUnstable, .snapshotCut, .volumeFileChanged: true
    case .interrupted, .terminated: true
    case .requestTimeout, .requestRate, .nodeBusy, .nodeNotReady, .nodeNoMajority, .nodeNoRoom: true
    case .volumeProviderTimeout: true
    case .blobUnreachable, .repositoryLocked, .engineUnreachable, .networkBusy: true
    default: false
    }
  }
}
