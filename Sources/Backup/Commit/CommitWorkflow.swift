public import Archive
import BlobStore
public import Foundation
public import GoudCore
import Layout
public import Repository
import VolumeSnapshot
public import Volumes

/// What to commit, and where.
public struct CommitRequest: Sendable {
  public var environment: String
  /// At least one; names and paths differ (`VolumeCatalog.resolve`).
  public var volumes: [Volume]
  public var repository: Repository
  /// What the snapshots need meanwhile; created when missing.
  public var scratch: String
  /// Volumes that belong to the environment and cannot be taken, and why.
  public var leftOut: [BackupMetadata.LeftOut] = []
  /// The moment that it is to be of; nil: that of the snapshots.
  public var taken: Date?
  /// Read and prove every table, whatever the commit before says of it.
  public var rescan = false
  public var allowUnproven = false
  public var oneFileSystem = false
  public var toolVersion: String
  /// What the run knows from the commit before; nil: there is none.
  var memory: CommitMemory?
  public var cancellation = Cancellation()
  public var progress: any ProgressSink = NoProgress()

  public init(
    environment: String, volumes: [Volume], repository: Repository, scratch: String, toolVersion: String
  ) {
    self.environment = environment
    self.volumes = volumes
    self.repository = repository
    self.scratch = scratch
    self.toolVersion = toolVersion
  }
}

/// A backup that is in a repository.
public struct CommitResult: Sendable, Encodable {
  /// 16 hexadecimal digits; the same for all volumes that were taken together.
  public let id: String
  public let repository: String
  /// Volume → the snapshot of it, as stock restic names it.
  public let snapshots: [String: String]
  public let metadata: BackupMetadata
  /// What was not in the repository before: as it lies on the volumes, and as it is stored.
  public let newBytes: Int64
  public let storedBytes: Int64
  /// What was there.
  public let reusedBytes: Int64
  /// Tables that were known by their identity, and neither read nor sent.
  public let knownTables: Int
  /// Whether every table was read, known or not.
  public let rescanned: Bool
  /// Why its lock still lies in the repository; nil: it was taken away. The backup is whole either way.
  public fileprivate(set) var lockFault: String?
  /// How long the snapshots and all that followed took.
  public let snapshotSeconds: Double
  public let writeSeconds: Double
  public let restedSeconds: Double
}

/// A commit, and where to go on from it.
struct FollowedCommit: Sendable {
  fileprivate(set) var result: CommitResult
  /// By volume; empty for one that cannot be followed.
  let bases: [String: [FollowBase]]
  /// Every write that was acknowledged before is in it.
  let taken: Date
  /// Whether somebody else may have written to the repository since the commit before; so says also who knows of none.
  let hasOthers: Bool
}

/// What is there before a commit.
struct CommitGround: Sendable {
  let index: RepositoryIndex
  /// By volume.
  let parents: [String: CommitParent]
}

/// Snapshot → what is new of it → repository. The nodes are neither asked nor stopped, and their volumes only read.
///
/// Order, each durable before the next begins (docs/repository.md): packs, index, one snapshot file for each volume. A
/// commit that ends before its last step is no commit; what of it no index names goes with the next prune.
public struct CommitWorkflow {
  /// How old the last full reading of a volume may be: one table that was taken for known wrongly would be found by then.
  static let rescanAfter: TimeInterval = 7 * 86400

  private let request: CommitRequest

  public init(_ request: CommitRequest) { self.request = request }

  public func run() throws -> CommitResult { try runFollowed().result }

  /// With what it takes to follow the volumes from there on.
  func runFollowed() throws -> FollowedCommit {
    try refuseVolumesAsScratch()
    let locks = try request.volumes.map { try DirectoryLock($0.path, orGoOn: true) }
    defer { withExtendedLifetime(locks) {} }
    let started = ContinuousClock.now
    // What others write beside takes a moment to be seen, and so do the volumes.
    let lock = Loading("lock") { [repository = request.repository] in try repository.lock(exclusive: false) }
    var made: FollowedCommit
    do {
      do {
        made = try commit(started, copyingTables: false, lock)
      } catch let error as GoudError where error.code == .snapshotCut {
        made = try commit(started, copyingTables: true, lock)
      }
    } catch {
      try? lock.value().release()
      throw error
    }
    do {
      try lock.value().release()
    } catch let error as GoudError {
      // The snapshots are there to stay: to call that a failure would have it made again and again.
      made.result.lockFault = error.message
    }
    return made
  }

  private func refuseVolumesAsScratch() throws {
    let containment = try Containment()
    try containment.refuse(
      request.scratch, inAnyOf: request.volumes, hint: "name a directory outside the volumes with -d (BACKUP_DIR)")
    if let store = request.repository.store as? DirectoryStore {
      try containment.refuse(
        store.location, inAnyOf: request.volumes, hint: "name a repository outside the volumes with --repo")
    }
    try FileSystem.makePrivateDirectory(request.scratch)
    try Leftovers(in: request.scratch).remove()
  }

  private func commit(
    _ started: ContinuousClock.Instant, copyingTables: Bool, _ lock: Loading<RepositoryLock>
  ) throws -> FollowedCommit {
    // What is there is loaded while the volumes are looked at.
    let ground = Loading("ground") { [request] in
      _ = try lock.value()
      return try Self.ground(request)
    }
    let taking = SnapshotTaking(
      volumes: request.volumes, scratch: request.scratch, allowUnproven: request.allowUnproven,
      oneFileSystem: request.oneFileSystem, cancellation: request.cancellation)
    let (selection, taken, _) = try taking.run(copyingTables: copyingTables)
    let loaded = try ground.value()
    let writer = RepositoryWriter(
      request.repository, index: loaded.index, memory: request.memory?.indexMemory)
    do {
      return try write(selection, writer, loaded, lock.value(), started, taken)
    } catch {
      writer.abandon()
      throw error
    }
  }

  private static func ground(_ request: CommitRequest) throws -> CommitGround {
    let (repository, volumes) = (request.repository, request.volumes.map(\.name))
    let index = try request.memory?.index(of: repository) ?? repository.loadIndex()
    return CommitGround(
      index: index,
      parents: try request.memory?.parents(of: volumes)
        ?? CommitParent.find(of: volumes, in: request.environment, repository, index))
  }

  private func write(
    _ selection: BackupSelection, _ writer: RepositoryWriter, _ ground: CommitGround, _ lock: RepositoryLock,
    _ started: ContinuousClock.Instant, _ taken: ContinuousClock.Instant
  ) throws -> FollowedCommit {
    var parts = selection.parts
    let seen = parts.map(\.snapshot.moment).min() ?? Date()
    // A clock may have been set back by some minutes since: what is made later is the later one all the same.
    let before = parts.compactMap { ground.parents[$0.volume.name]?.taken }.max() ?? .distantPast
    let moment = request.taken ?? max(seen, before.addingTimeInterval(0.001))
    let id = Commit.newID()
    let name = BackupName.stem(of: request.environment, at: moment)
    var drafts: [CommitDraft] = []
    var metadata = describe(parts, selection, name, moment)
    for _ in 0..<Self.beginnings {
      do {
        drafts = try parts.map { try draft($0, metadata, writer, ground) }
        break
      } catch let late as LateChanges {
        for index in parts.indices {
          guard let paths = late.paths[parts[index].volume.name] else { continue }
          parts[index].snapshot = try parts[index].snapshot.taking(late: paths)
        }
        metadata = describe(parts, selection, name, moment)
      }
    }
    guard drafts.count == parts.count else {
      throw GoudError(
        .volumeFileChanged, "files beside the databases changed each time they were to be stored",
        hint: "try again, or at a quieter time")
    }
    let written = try writer.finish()
    try lock.check()
    KillPoint.reached("commit.indexed")
    var made: [String: CommitParent] = [:]
    for draft in drafts {
      try request.cancellation.check()
      made[draft.volume] = CommitParent(
        id: try request.repository.save(draft.snapshot(id, taken: moment)), taken: moment, held: draft.held)
      KillPoint.reached("commit.snapshot")
    }
    let result = CommitResult(
      id: id, repository: request.repository.store.location, snapshots: made.mapValues(\.id.hex), metadata: metadata,
      newBytes: written.bytes, storedBytes: written.storedBytes,
      reusedBytes: max(0, drafts.reduce(0) { $0 + $1.bytes } - written.bytes),
      knownTables: drafts.reduce(0) { $0 + $1.knownTables }, rescanned: drafts.allSatisfy(\.rescanned),
      snapshotSeconds: (taken - started).seconds, writeSeconds: (ContinuousClock.now - taken).seconds,
      restedSeconds: Pace.process.rested.seconds)
    // One that cannot be followed keeps its volume from being: of it, nothing is known until the next commit.
    let bases = parts.map { part in
      let bases = part.snapshot.databases.map(\.followBase)
      return (part.volume.name, bases.contains { $0 == nil } ? [] : bases.compactMap { $0 })
    }
    return FollowedCommit(
      result: result, bases: Dictionary(uniqueKeysWithValues: bases), taken: seen,
      hasOthers: request.memory?.note(made) ?? true)
  }

  /// Each time more files are known for not keeping still.
  private static let beginnings = 8

  private func describe(
    _ parts: [BackupSelection.Part], _ selection: BackupSelection, _ name: String, _ moment: Date
  ) -> BackupMetadata {
    BackupMetadata(
      parts, leftOut: request.leftOut + selection.leftOut, name: name, environment: request.environment, moment: moment,
      toolVersion: request.toolVersion)
  }

  private func draft(
    _ part: BackupSelection.Part, _ all: BackupMetadata, _ writer: RepositoryWriter, _ ground: CommitGround
  ) throws -> CommitDraft {
    // Each volume's snapshot stands alone.
    var metadata = all
    metadata.volumes = all.volumes.filter { $0.name == part.volume.name }
    let parent = ground.parents[part.volume.name]
    let known = KnownTables(parent?.held, metadata.volumes[0], ground.index)
    let rescan = request.rescan || known.isStale(now: Date(), after: Self.rescanAfter)
    let pass = CommitPass(
      metadata, writer, known: rescan ? nil : known, scanned: rescan ? Date() : known.scanned ?? Date(),
      cancellation: request.cancellation, progress: request.progress)
    return try pass.run(part.snapshot.archiveVolume(named: part.volume.name), parent: parent?.id)
  }
}
