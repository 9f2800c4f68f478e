import Archive
import Backup
import CGoudLinux
import Chain
import Foundation
public import GoudCore
import VolumeSnapshot
import Volumes

#if canImport(Glibc)
  import Glibc
#endif

/// Puts a backup in place: builds it beside the present data, proves it, swaps it in, keeps what it replaced.
///
/// Whatever happens, and whenever the process ends, every volume is the old one or the new one, whole. Before the first
/// swap everything goes back; after it, everything goes forward, at the latest in the next run.
public struct Restore: Sendable {
  public var request: RestoreRequest
  public var source: RestoreSource
  public var proof = RestoreProof()
  public var cancellation = Cancellation()
  public var progress: any ProgressSink = NoProgress()
  /// Runs the nodes of the environment whose volumes are restored; nil: nobody does, and a volume that a node has open is
  /// refused. Then `run` must not be called on the cooperative pool: it waits.
  public var runner: (any NodeRunner)?
  /// How long a node may take to come up on what was restored.
  public var confirmationTimeout: Duration = .seconds(60)
  var renames = Renames()

  public init(_ request: RestoreRequest, from source: RestoreSource) {
    self.request = request
    self.source = source
  }

  /// What `run` would do; touches nothing.
  /// - Throws: what `RestorePlan.make` throws; `volume.locked`.
  public func plan() throws -> RestorePlan { try plan(VolumeLocks()) }

  private func plan(_ locks: VolumeLocks) throws -> RestorePlan {
    for place in try places() { try locks.refuseHeld(place) }
    return try RestorePlan.make(request, source: source, running: try running())
  }

  /// The nodes that run on volumes of the target; none for a volume that goes somewhere else.
  private func running() throws -> Set<String> {
    guard let runner, case .directory = request.target else { return [] }
    return Set(try Awaiting.result(of: { try await runner.runningNodes() }, cancellation))
  }

  /// With a `runner`, the nodes of the volumes are stopped just before the swap and started after it. One that does not
  /// come up on what was restored has all volumes of this run swapped back.
  ///
  /// - Parameter confirm: sees the plan before anything is built, and throws to end the run there. Unfinished restores
  ///   of these volumes have been settled by then.
  /// - Returns: what was done. On disk: the new volumes in place, without a marker, the replaced ones as safety copies.
  /// - Throws: what `RestorePlan.make` throws; `volume.locked`; what the build throws (`archive.…`);
  ///   `database.corrupt`; `chain.…`; `io.no-room`; `run.interrupted`, `run.terminated`; `restore.unproven`. The volumes
  ///   are then the old ones; only an interruption while nodes come up leaves the new ones in place.
  public func run(confirm: (RestorePlan) throws -> Void = { _ in }) throws -> RestoreReport {
    let locks = VolumeLocks()
    let (plan, outcome, settled) = try replace(locks, confirm: confirm)
    // Nobody else is at the volumes before the nodes have said that they are well.
    if let pause = pause(plan) { try bringUp(pause, plan, outcome, locks) }
    withExtendedLifetime(locks) {}
    return RestoreReport(plan, outcome, settled: settled)
  }

  /// Everything up to the swap; nodes may open the databases again when it returns.
  private func replace(
    _ locks: VolumeLocks, confirm: (RestorePlan) throws -> Void
  ) throws -> (RestorePlan, RestoreOutcome, settled: [PendingRestore]) {
    var settled = try settle(locks)
    try confirm(try plan(locks))
    try createDirectories()
    for place in try places() { try locks.take(place) }
    // Nobody else is at these volumes from here on; what happened while the user read the plan counts.
    settled += try settle(locks)
    let plan = try RestorePlan.make(request, source: source, running: try running())
    let holds = try hold(plan) { $0.node == nil }
    let outcome = try execute(plan, locks)
    withExtendedLifetime(holds) {}
    return (plan, outcome, settled)
  }

  private func hold(_ plan: RestorePlan, where chosen: (RestorePlan.Step) -> Bool) throws -> [DatabaseHold] {
    try plan.steps.filter { $0.present.isVolume && chosen($0) }.map { try DatabaseHold($0.place.path) }
  }

  private func pause(_ plan: RestorePlan) -> NodePause? {
    let nodes = plan.steps.compactMap(\.node).sorted()
    guard let runner, !nodes.isEmpty else { return nil }
    return NodePause(runner: runner, nodes: nodes, cancellation: cancellation, progress: progress)
  }

  private func bringUp(
    _ pause: NodePause, _ plan: RestorePlan, _ outcome: RestoreOutcome, _ locks: VolumeLocks
  ) throws {
    do {
      let heads = outcome.chains.heads.map { (NodeName.of($0.key), $0.value.head) }
      try pause.confirm(Dictionary(heads) { first, _ in first }, timeout: confirmationTimeout)
    } catch {
      try cancellation.check()
      let reason = (error as? GoudError)?.message ?? "\(error)"
      let copies = try plan.steps.compactMap { step in
        try SafetyCopy.all(of: step.place).first { $0.path == outcome.kept[step.place] }
      }
      guard copies.count == plan.steps.count else {
        throw GoudError(
          .restoreUnproven,
          "a node did not come up on what was restored: \(reason); there is no old data to go back to",
          hint: "look at its log, and restore another backup", cause: error)
      }
      do {
        try pause.goBack(to: copies, locks)
      } catch let second {
        throw GoudError(
          .restoreUnproven,
          "a node did not come up on what was restored: \(reason); and going back failed: "
            + "\((second as? GoudError)?.message ?? "\(second)")",
          hint: "stop the nodes, then: goud restore --rollback", cause: error)
      }
      throw GoudError(
        .restoreUnproven, "a node did not come up on what was restored: \(reason); the old data is back",
        hint: "the restored data is kept as a safety copy; look at the node's log, then try another backup",
        cause: error)
    }
  }

  private func places() throws -> [VolumePlace] { try RestorePlan.places(request, source: source) }

  private func settle(_ locks: VolumeLocks) throws -> [PendingRestore] {
    try places().flatMap {
      try PendingRestore.settle(at: $0, locks: locks, renames: renames, keeping: source.resumes) { try proof.quick($0) }
    }
  }

  private func createDirectories() throws {
    for directory in Set(try places().map(\.directory)).sorted() where try FileSystem.status(directory) == nil {
      do {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
      } catch {
        throw GoudError(.ioFailed, "cannot create \(directory): \(error.localizedDescription)", cause: error)
      }
    }
  }

  private func execute(_ plan: RestorePlan, _ locks: VolumeLocks) throws -> RestoreOutcome {
    let stage = try RestoreStage(plan, sha256: source.sha256, renames: renames)
    do {
      try stage.begin()
      for step in plan.steps { try locks.take(directory: stage.path(of: step)) }
      try cancellation.check()
      let (warnings, proven) = try build(plan, stage)
      KillPoint.reached("restore.built")
      let (chains, notes) = try prove(plan, stage, proven)
      KillPoint.reached("restore.chains-settled")
      for step in plan.steps { try Discard.leftovers(of: step.place) }
      let holds = try plan.steps.map { try DatabaseHold(stage.path(of: $0), isNew: true) }
      try stage.finish()
      try cancellation.check()
      KillPoint.reached("restore.ready")
      let kept = try swap(plan, stage, unproven: Set(notes.map(\.place)))
      withExtendedLifetime(holds) {}
      return RestoreOutcome(
        kept: kept, notes: notes.map(\.text), warnings: warnings,
        chains: chains)
    } catch {
      let stopped = source.resumes ? (error as? GoudError).flatMap(Self.resumable) : nil
      // What cannot be discarded now is found by its marker and discarded by the next run; the first error counts.
      try? stage.discard(keeping: stopped != nil)
      if stopped == nil { for step in plan.steps { try? Discard.leftovers(of: step.place) } }
      throw stopped ?? error
    }
  }

  /// - Returns: the same error, when the next run may go on from where this one was stopped.
  private static func resumable(_ error: GoudError) -> GoudError? {
    guard [.blobUnreachable, .interrupted, .terminated].contains(error.code) else { return nil }
    return GoudError(
      error.code, error.message,
      hint: (error.hint.map { "\($0); " } ?? "")
        + "the same command goes on from what has come so far; goud restore --settle deletes that",
      context: error.context, cause: error)
  }

  /// Tables are proven as they come, so that the device and the processor work at the same time.
  private func build(_ plan: RestorePlan, _ stage: RestoreStage) throws -> (warnings: [String], ProvenFiles) {
    var building = RestoreBuild(stage.directories)
    if source.resumes {
      for step in plan.steps { building.leftovers[step.volume] = try Discard.kept(of: step.place) }
    }
    (building.cancellation, building.progress) = (cancellation, progress)
    // Of what somebody signed, RocksDB sees nothing before the whole is known to be that.
    guard source.signature?.state != .trusted else { return (try source.build(building), ProvenFiles()) }
    return try ProofOnArrival.run(cancellation) {
      building.arrived = $0
      return try source.build(building)
    }
  }

  /// Nobody stops it once the nodes have stopped: a few renames, and a look at what lies in place.
  private func swap(
    _ plan: RestorePlan, _ stage: RestoreStage, unproven: Set<VolumePlace>
  ) throws -> [VolumePlace: String] {
    let pause = pause(plan)
    try pause?.stop()
    do {
      let holds = try hold(plan) { $0.node != nil }
      let kept = try stage.swap.run { if !unproven.contains($0) { try proof.quick($0) } }
      withExtendedLifetime(holds) {}
      return kept
    } catch {
      pause?.resume()
      throw error
    }
  }

  /// Proves the databases of every volume, then the chains in them, and settles what they are to the network.
  private func prove(
    _ plan: RestorePlan, _ stage: RestoreStage, _ proven: ProvenFiles
  ) throws -> (RestoredChains, [(place: VolumePlace, text: String)]) {
    for step in plan.steps { try StandingMark.remove(from: stage.path(of: step)) }
    var notes: [(place: VolumePlace, text: String)] = []
    var chains = StagedChains(
      request, expecting: source.chain, growing: source.isGrowing, cancellation, progress)
    for step in plan.steps {
      do {
        let path = stage.path(of: step)
        let identities = try proof.full(path, FileSystem.parent(of: path), proven, cancellation, progress)
        try chains.prove(step, at: path, identities: identities)
      } catch let error as GoudError {
        let known = error.code == .databaseUnsupported || error.code == .databaseCorrupt && !step.unproven.isEmpty
        // A chain that somebody stakes on is proven, or not put in place.
        guard request.allowUnproven, known, source.chain == nil else {
          throw error.within("\(step.volume) of \(source.name)")
        }
        notes.append((step.place, "\(step.volume) is in place unproven: \(error.message)"))
      }
    }
    return (try chains.settle(), notes)
  }
}
