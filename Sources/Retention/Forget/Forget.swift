import Backup
public import Foundation
public import GoudCore
public import Repository
import Tail

/// What of a repository goes, and whether it does.
public struct ForgetRequest: Sendable {
  public var repository: Repository
  public var environment: String
  public var policy: KeepPolicy
  /// Also give back the room of what no backup needs any more.
  public var prunes = false
  public var dryRun = false
  /// How much may stay there unneeded all the same, as a part of what is kept.
  public var maxUnused = 0.05
  /// What fell is right: goes on, and says so for later runs.
  public var confirmed = false
  public var now = Date()
  public var cancellation = Cancellation()
  public var progress: any ProgressSink = NoProgress()

  public init(_ repository: Repository, environment: String, policy: KeepPolicy) {
    (self.repository, self.environment, self.policy) = (repository, environment, policy)
  }
}

public struct ForgetReport: Sendable, Encodable {
  /// The snapshot of one volume.
  public struct Item: Sendable, Encodable {
    /// As stock restic names it.
    public let snapshot: String
    /// The backup that it is part of.
    public let id: String
    public let volume: String
    public let taken: Date
    public let height: Int64?
    public let bytes: Int64
    /// Why it is kept; empty: it goes.
    public let reasons: [String]
    public let deleted: Bool
  }

  /// By volume, newest first.
  public let items: [Item]
  /// Why nothing is deleted although something would be; nil when nothing stands against it.
  public let doubt: String?
  public let dryRun: Bool
  /// What was given back; nil when that was not asked for.
  public var pruned: PruneCount?
}

/// What a prune gave back.
public struct PruneCount: Sendable, Encodable {
  public let packsDropped: Int
  public let packsRepacked: Int
  public let bytesFreed: Int64

  init(_ report: RepositoryPruneReport) {
    packsDropped = report.packsDropped + report.packsUnknown
    (packsRepacked, bytesFreed) = (report.packsRepacked, report.bytesFreed)
  }

  public var summary: String {
    "\(packsDropped) packs dropped, \(packsRepacked) packed anew, \(ByteCount(bytesFreed)) given back"
  }
}

/// Thins the backups of an environment in a repository.
///
/// Never goes the newest proven one of what a volume holds, nor one on which a tail stands: without it, what the ticks since
/// have stored is worth nothing. And none while a backup is there whose height or size fell
/// against the one before it: something may have been lost, and the older ones are what could bring it back.
public struct Forget {
  private let request: ForgetRequest

  public init(_ request: ForgetRequest) { self.request = request }

  /// - Throws: `repository.locked`, and those of the store.
  public func run() throws -> ForgetReport {
    if request.dryRun { return try decide().report }
    return try request.repository.locked(exclusive: true) { lock in
      var report = try forget(lock)
      guard request.prunes, report.doubt == nil else { return report }
      report.pruned = PruneCount(
        try request.repository.prune(
          under: lock, maxUnused: request.maxUnused, cancellation: request.cancellation,
          used: request.repository.reach()))
      return report
    }
  }

  private func forget(_ lock: RepositoryLock) throws -> ForgetReport {
    let decided = try decide()
    for id in decided.fallen where request.confirmed { try Confirmations(request.repository).add(id) }
    for id in decided.going {
      try request.cancellation.check()
      try lock.check()
      try request.repository.remove(id)
      KillPoint.reached("forget.snapshot")
    }
    return decided.report
  }

  private func decide() throws -> (report: ForgetReport, going: [ObjectID], fallen: [ObjectID]) {
    let commits = try CommitHistory(request.repository).list().filter { $0.environment == request.environment }
    let confirmed = try Confirmations(request.repository).all()
    var fallen: [(ObjectID, String)] = []
    var judged: [(member: Commit.Member, commit: Commit, reasons: [String])] = []
    let members = commits.flatMap { commit in commit.members.map { (member: $0, commit: commit) } }
    for (volume, own) in Dictionary(grouping: members, by: \.member.volume).sorted(by: { $0.key < $1.key }) {
      let chain = TailChain(environment: request.environment, volume: volume, commit: "")
      let followed = try TailReader(request.repository).commits(of: chain)
      var reasons = request.policy.reasons(
        own.map { .init(taken: $0.commit.taken, identity: $0.member.identity, isProven: $0.member.isProven) },
        now: request.now)
      for index in own.indices where followed.contains(own[index].commit.id) { reasons[index].append("tail") }
      judged += zip(own, reasons).map { ($0.member, $0.commit, $1) }
      fallen += zip(own, own.dropFirst()).compactMap { newer, older in
        Self.fall(newer.member, older.member).map { (newer.member.id, $0) }
      }.filter { !confirmed.contains($0.0) }
    }
    let goes = judged.filter(\.reasons.isEmpty)
    let doubt = request.confirmed || goes.isEmpty ? nil : fallen.first?.1
    let deletes = doubt == nil && !request.dryRun
    let items = judged.map {
      ForgetReport.Item(
        snapshot: $0.member.id.hex, id: $0.commit.id, volume: $0.member.volume, taken: $0.commit.taken,
        height: $0.member.height, bytes: $0.member.bytes, reasons: $0.reasons,
        deleted: $0.reasons.isEmpty && deletes)
    }
    return (
      ForgetReport(items: items, doubt: doubt, dryRun: request.dryRun, pruned: nil),
      deletes ? goes.map(\.member.id) : [], fallen.map(\.0)
    )
  }

  /// What a backup has lost against the one before; nil when nothing. A compaction may halve a database, and does not
  /// leave less.
  static func fall(_ newer: Commit.Member, _ older: Commit.Member) -> String? {
    // Of what holds something else, the newest proven one is kept anyway.
    guard newer.identity == older.identity else { return nil }
    if let now = newer.height, let before = older.height, now < before {
      return "\(newer.volume) fell from block \(before) to \(now) in \(newer.id.short)"
    }
    if newer.bytes < older.bytes / 2 {
      return "\(newer.volume) fell from \(ByteCount(older.bytes)) to \(ByteCount(newer.bytes)) "
        + "in \(newer.id.short)"
    }
    return nil
  }
}
