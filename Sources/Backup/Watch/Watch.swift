import Archive
import BlobStore
import Foundation
import GoudCore
import Layout
import Repository
import Tail
import VolumeSnapshot
import Volumes

#if canImport(Glibc)
  import Glibc
#endif

/// How to follow volumes.
public struct WatchRequest: Sendable {
  /// What is committed, and where.
  public var commit: CommitRequest
  /// Between two looks, in seconds.
  public var every = 1.0
  /// Between two commits, in seconds.
  public var commitEvery = 60.0
  /// Bytes that are kept while the store cannot be reached.
  public var bound = 64 << 20
  /// Where `watch.json` goes; nil: nowhere.
  public var home: String?
  /// Called after each commit, with what it was, on a thread of its own: the ticks go on meanwhile.
  public var committed: @Sendable (CommitResult) -> Void = { _ in }
  /// Called with each fault, once as long as it stays the same.
  public var faulted: @Sendable (String) -> Void = { _ in }
  /// Called at the end of each tick.
  public var ticked: @Sendable (WatchStatus) -> Void = { _ in }
  /// Called at the beginning of each thread that does what is long: others come first. A tick is short and has its second.
  public var givesWay: @Sendable () -> Void = {}
  /// Whether these are all volumes of the environment.
  public var isWhole = false
  /// How many commits to make; nil: until the run is asked to stop.
  public var commits: Int?

  public init(_ commit: CommitRequest) { self.commit = commit }
}

/// Follows the volumes of an environment: a commit now and then, and between two of them what is added to the logs, a tick
/// at a time. What could be lost with the site is what was written since the last tick.
public final class Watch {
  private var request: WatchRequest
  private var plan: WatchPlan
  private var volumes: [FollowedVolume] = []
  private var committing: Loading<FollowedCommit>?
  private var following: Loading<Void>?
  /// The logs of all databases, while a commit is made.
  private var holding: [DatabaseLocation: HeldLogs] = [:]
  /// Tails of ours upon earlier commits, by volume; to be deleted once the volume's newest commit stands for them.
  private var passed: [String: [TailWriter]] = [:]
  /// The volumes of which there may be other tails that we know nothing of.
  private var unknown: Set<String> = []
  /// The volumes that are in the newest commit. What is known of another lies in an earlier one and in its tail.
  private var committed: Set<String> = []
  /// Commits since the tails were listed.
  private var unlisted = 0
  /// On which commits tails may stand: our own, and those of a watch that was there before this one; the newest of them.
  private var known: [String]?
  private var status: WatchStatus
  private var clock = ClockSteps()
  /// Why what is told by the clock needs a new backup; until one was begun.
  private var clockStep: String?
  /// What keeps ticks, and what keeps commits, from being what they should; nil: nothing.
  private var tickFault: String?
  private var commitFault: String?
  private let start = ContinuousClock.now

  public init(_ request: WatchRequest) {
    self.request = request
    self.request.commit.memory = CommitMemory()
    plan = WatchPlan(interval: request.commitEvery, bound: request.bound)
    let commit = request.commit
    status = WatchStatus(
      repository: commit.repository.store.location, process: getpid(), volumes: commit.volumes.map(\.name),
      started: Date(), noted: Date())
  }

  /// Returns when the run is asked to stop, with what was seen stored.
  /// - Throws: `repository.forked`; what no later try can mend.
  public func run() throws {
    let lock = try lock()
    defer { withExtendedLifetime(lock) {} }
    recall()
    defer {
      _ = try? committing?.value()
      try? following?.value()
    }
    var next = ContinuousClock.now
    while !request.commit.cancellation.isCancelled, request.commits.map({ status.commits < $0 }) ?? true {
      do { try tick() } catch let error as GoudError where error.code == .interrupted || error.code == .terminated {
        break
      }
      note()
      next = max(next + .seconds(request.every), .now)
      wait(until: next)
    }
    status.ended = Date()
    note()
  }

  /// What the one before has stored is safe all the same.
  private func recall() {
    guard let home = request.home, let before = (try? WatchStatus.read(home: home)) ?? nil,
      before.repository == status.repository
    else { return }
    (status.backups, status.whole) = (before.backups, before.whole)
    guard Set(before.volumes) == Set(status.volumes), before.safe?.isAhead(of: Date()) != true else { return }
    (status.safe, status.commit, status.committed) = (before.safe, before.commit, before.committed)
  }

  /// - Throws: `repository.forked` when another one on this machine does the same.
  private func lock() throws -> Descriptor? {
    guard let home = request.home else { return nil }
    try FileSystem.makePrivateDirectory(home)
    let file = try Descriptor.open(NetworkHome(home).watchLock, O_RDWR | O_CREAT | O_NOFOLLOW)
    guard try file.lock() != .held else {
      throw GoudError(
        .repositoryForked, "another goud follows the volumes of \(request.commit.environment) already",
        hint: "one is enough: goud volume check shows how it does")
    }
    return file
  }

  private func wait(until moment: ContinuousClock.Instant) {
    while ContinuousClock.now < moment, !request.commit.cancellation.isCancelled {
      Thread.sleep(forTimeInterval: min(0.05, max(0.001, (moment - .now) / .seconds(1))))
    }
  }

  private var now: Double { (ContinuousClock.now - start) / .seconds(1) }

  private func tick() throws {
    status.ticks += 1
    lookAtClock()
    if let committing {
      hold()
      if committing.isDone { try settle(committing) }
    }
    if let why = clockStep {
      // A backup that was begun before is of a moment before.
      if committing == nil { clockStep = nil }
      try follow(plan.take(.lost(why: why), at: now))
    }
    try follow(plan.take(.tick, at: now))
  }

  /// Which backup is the latest goes by their moments. After the clock was set, that may be another than the one that the
  /// ticks stand on: nothing more is safe before there is a new one. What was written since the last look, under the new
  /// clock, has not been seen.
  private func lookAtClock() {
    let steady = now
    guard let step = clock.look(wall: Date(), steady: steady) else { return }
    clockStep = "the clock was set \(step.seconds < 0 ? "back" : "forward") by \(Int(abs(step.seconds))) s"
    status.safe = status.safe.map { min($0, step.last) }
  }

  private func follow(_ actions: [WatchPlan.Action]) throws {
    for action in actions {
      switch action {
      case .look: try follow(look())
      case .store: try follow([], after: store())
      case .reached: reached()
      case .forget:
        for index in volumes.indices { volumes[index].forget() }
      case .commit(let why): begin(why)
      }
    }
  }

  private func follow(_ actions: [WatchPlan.Action], after event: WatchPlan.Event) throws {
    try follow(actions + plan.take(event, at: now))
  }

  // MARK: The tail

  private func look() throws -> [WatchPlan.Action] {
    var bytes = 0
    for index in volumes.indices {
      do {
        let seen = try volumes[index].look(request.commit.cancellation)
        if let loss = seen.loss { return plan.take(.lost(why: loss), at: now) }
        bytes += seen.bytes
      } catch let error as GoudError where error.code != .interrupted && error.code != .terminated {
        return plan.take(.lost(why: "\(volumes[index].volume.name): \(error.message)"), at: now)
      }
    }
    return plan.take(.grown(bytes: bytes), at: now)
  }

  private func store() throws -> WatchPlan.Event {
    do {
      for index in volumes.indices { status.storedBytes += Int64(try volumes[index].store()) }
      status.pieces = Int(volumes.map(\.tail.number).max() ?? 0)
      tickFault = nil
      return .stored
    } catch let error as GoudError where error.code == .repositoryForked {
      throw error
    } catch let error as GoudError {
      tickFault = error.message
      return .notStored
    }
  }

  /// All that was seen is stored. Only now does the tail of the commit before have nothing that the newest with its own
  /// has not: it reached as far as the ticks that went on while the commit was made. The tail of a volume that the newest
  /// left out is all that is known of it.
  private func reached() {
    if let known = volumes.map(\.moment).min(), known > .distantPast { status.safe = known }
    let folded = volumes.filter { volume in
      committed.contains(volume.volume.name)
        && (unknown.contains(volume.volume.name) || passed[volume.volume.name] != nil)
    }
    guard !folded.isEmpty else { return }
    do {
      for volume in folded {
        let name = volume.volume.name
        for tail in passed[name] ?? [] { try tail.drop() }
        passed[name] = nil
        if unknown.contains(name) { try TailReader(request.commit.repository).drop(allBut: volume.tail.chain) }
        unknown.remove(name)
      }
      KillPoint.reached("watch.folded")
    } catch {
      // Not folded, it costs room; the next tick tries again.
      tickFault = (error as? GoudError)?.message ?? "\(error)"
    }
  }

  // MARK: Commits

  private func begin(_ why: String) {
    status.why = why
    // Logs that are deleted while the commit is made are read after it all the same.
    holding = [:]
    for volume in request.commit.volumes {
      for location in (try? DatabaseLocation.find(in: volume.path)) ?? [] {
        holding[location] = try? HeldLogs(location, volume: volume.path)
      }
    }
    hold()
    committing = Loading("commit") { [request, following] in
      // What is done after the one before may hold the repository for itself.
      _ = try? following?.value()
      request.givesWay()
      return try CommitWorkflow(request.commit).runFollowed()
    }
  }

  /// What cannot be held now is missed later, where that is found by its sequence numbers.
  private func hold() { for location in holding.keys { try? holding[location]?.refresh() } }

  private func settle(_ loading: Loading<FollowedCommit>) throws {
    committing = nil
    do {
      let outcome = try loading.value()
      try rebase(outcome)
      _ = plan.take(.committed, at: now)
      status.commits += 1
      (status.commit, status.committed, status.pieces) = (outcome.result.id, Date(), 0)
      let known = volumes.map(\.moment).min() ?? outcome.taken
      // Of one that was begun before the clock was set, the moment is that of another clock.
      if known > .distantPast, clockStep == nil { status.safe = max(status.safe ?? known, known) }
      status.storedBytes += outcome.result.storedBytes
      status.note(outcome.result, isWhole: request.isWhole)
      commitFault =
        outcome.result.metadata.leftOut?.first.map { "\($0.volume) is left out: \($0.reason)" }
        ?? outcome.result.lockFault.map { "the lock of a backup is left in the repository: \($0)" }
      following = Loading("committed") { [request] in
        request.givesWay()
        request.committed(outcome.result)
      }
    } catch let error as GoudError where error.code != .repositoryForked {
      commitFault = error.message
      _ = plan.take(.notCommitted, at: now)
    }
  }

  /// The volumes are followed from the new commit on.
  private func rebase(_ outcome: FollowedCommit) throws {
    let repository = request.commit.repository
    hold()
    try refuseOthers(outcome)
    let followed = try request.commit.volumes.map { volume in
      // Of one that was left out nothing is known since what was known before: it keeps that from being called later.
      let bases = outcome.bases[volume.name]
      let chain = TailChain(
        environment: request.commit.environment, volume: volume.name, commit: outcome.result.id)
      return FollowedVolume(
        volume, try (bases ?? []).map { try DatabaseFollower($0, adopting: holding[$0.location]) },
        TailWriter(repository, chain), since: bases == nil ? status.safe ?? .distantPast : outcome.taken,
        chain: FollowedChain(
          outcome.result.metadata.volumes.first { $0.name == volume.name }, isFollowed: bases?.isEmpty == false))
    }
    for volume in volumes where volume.tail.hasPut { passed[volume.volume.name, default: []].append(volume.tail) }
    committed = Set(outcome.bases.keys)
    (volumes, holding) = (followed, [:])
  }

  /// Of two that follow one volume, perhaps on two machines, the later one goes on. It takes the tail that it finds for
  /// what the dead left; the earlier one finds a tail upon a commit that it never made. It is looked for when others have
  /// written an index, as every commit does, and now and then.
  private func refuseOthers(_ outcome: FollowedCommit) throws {
    let commit = outcome.result.id
    defer { known = ((known ?? []) + [commit]).suffix(Self.knownCommits) }
    unlisted += 1
    guard known == nil || outcome.hasOthers || unlisted >= Self.listedEvery else { return }
    let (repository, environment) = (request.commit.repository, request.commit.environment)
    var found: Set<String> = []
    for volume in request.commit.volumes {
      let chain = TailChain(environment: environment, volume: volume.name, commit: commit)
      found.formUnion(try TailReader(repository).commits(of: chain))
    }
    if let known, let other = found.subtracting(known).min() {
      throw GoudError(
        .repositoryForked, "another goud follows the volumes of \(environment): a tail stands on its backup \(other)",
        hint: "let one of the two follow them; GOUD_ENVIRONMENT tells the environments of two machines apart")
    }
    known = known ?? found.sorted()
    (unknown, unlisted) = (Set(request.commit.volumes.map(\.name)), 0)
  }

  private static let knownCommits = 1000
  /// Commits after which tails are looked for in any case: of a put that came late, nobody else tells.
  private static let listedEvery = 30

  // MARK: Status

  private func note() {
    let fault = tickFault ?? commitFault
    if let fault, fault != status.fault { request.faulted(fault) }
    status.fault = fault
    status.noted = Date()
    status.bytesAtRisk = Int64(plan.kept)
    status.writesAtRisk = volumes.reduce(0) { $0 + $1.writesAtRisk }
    // Where the logs did not tell all, nobody has looked since.
    status.blocksAtRisk = plan.isWhole ? FollowedChain.blocksAtRisk(volumes.compactMap(\.chain)) : nil
    status.requests = request.commit.repository.store.requests.counts.byKind
    if let home = request.home { try? status.write(home: home) }
    KillPoint.reached("watch.noted")
    request.ticked(status)
  }
}
