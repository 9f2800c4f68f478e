import Archive
import Backup
import Foundation
import GoudCore
import Layout

extension RestorePlan {
  /// Decides, and refuses. Reads only.
  ///
  /// - Parameter running: the nodes that run now, and can be stopped.
  /// - Throws: `restore.wrong-environment`, `volume.not-found`, `volume.ambiguous`, `archive.unproven`,
  ///   `restore.not-a-volume`, `restore.foreign-volume`, `restore.foreign-chain`, `chain.newer-schema`, `usage.invalid`, `restore.crosses-file-systems`, `volume.database-open`,
  ///   `io.no-room`, `io.permission-denied`.
  public static func make(
    _ request: RestoreRequest, source: RestoreSource, running: Set<String> = []
  ) throws -> RestorePlan {
    let chosen = try request.choose(from: source)
    let places = try places(request, source: source)
    let pending = try places.flatMap { try PendingRestore.find(at: $0) }
    let holdsRoom = try !pending.isEmpty || source.resumes && places.contains { try !Discard.kept(of: $0).isEmpty }
    let steps = try zip(chosen, places).map { volume, place in
      let step = Step(
        volume: volume.name, place: place, site: try place.site(),
        present: try PresentVolume(at: place, remains: request.replaceRemains),
        files: volume.files,
        bytes: ByteCount(volume.bytes), unproven: volume.unproven,
        identities: Dictionary(
          volume.databases.filter { !$0.identity.isEmpty }.map { ($0.path, $0.identity) }, uniquingKeysWith: { $1 }),
        chain: volume.chain, presentChain: try PresentChain(of: place.path),
        node: Optional(NodeName.of(volume.name)).flatMap { running.contains($0) ? $0 : nil })
      if source.isDescribed { try step.refuse(expecting: source.chain, found: step.chain?.id) }
      try step.refuse(request)
      return step
    }
    return RestorePlan(
      backup: source.name, environment: source.environment, steps: steps,
      needs: source.isDescribed ? try Need.measured(steps, refusing: !holdsRoom) : [],
      pending: Dictionary(grouping: pending, by: \.id).values.map { $0[0] }.sorted { $0.id < $1.id },
      network: try network(steps, request, source), signature: source.signature)
  }

  /// A backup that does not say what it holds is decided on once it is built.
  private static func network(
    _ steps: [Step], _ request: RestoreRequest, _ source: RestoreSource
  ) throws -> NetworkEffect? {
    guard source.isDescribed else { return nil }
    return try NetworkEffect(steps.compactMap { step in step.chain.map { (step.volume, $0) } }, request)
  }

  /// Where the volumes of the request go.
  /// - Throws: `archive.unsafe-entry` when two of them would go to one place.
  static func places(_ request: RestoreRequest, source: RestoreSource) throws -> [VolumePlace] {
    try checkEnvironment(request, source)
    let chosen = try request.choose(from: source)
    let places = try chosen.map { try request.place(of: $0.name) }
    guard Set(places).count == places.count, Set(chosen.map(\.name)).count == chosen.count else {
      throw GoudError(
        .archiveUnsafe, "\(source.name) names volumes that would go to one place",
        hint: "choose one with --volume, and its place with --to")
    }
    return places
  }

  private static func checkEnvironment(_ request: RestoreRequest, _ source: RestoreSource) throws {
    guard let asked = request.environment, let own = source.environment, asked != own else { return }
    throw GoudError(
      .restoreWrongEnvironment, "\(source.name) is a backup of environment '\(own)', not of '\(asked)'",
      hint: "pass --env \(own), or --to PATH to put a volume of it elsewhere",
      context: ["backup": own, "asked": asked])
  }
}

extension RestorePlan.Need {
  /// One block for each file beside its bytes, and something for directories and the copies of logs that the proof makes.
  ///
  /// - Parameter refusing: whether too little room is an error; an unfinished restore holds room that it will give
  ///   back, or that is needed no more.
  fileprivate static func measured(_ steps: [RestorePlan.Step], refusing: Bool) throws -> [RestorePlan.Need] {
    var needs: [UInt64: RestorePlan.Need] = [:]
    for step in steps {
      let directory = try step.place.workDirectory(step.site)
      guard let device = try FileSystem.status(directory)?.st_dev else { continue }
      let bytes = step.bytes + ByteCount(4096) * step.files + ByteCount(1 << 20)
      let before = needs[UInt64(device)]
      needs[UInt64(device)] = RestorePlan.Need(
        directory: before?.directory ?? directory, bytes: (before?.bytes ?? .zero) + bytes,
        available: try FileSystem.room(at: directory).available)
    }
    for need in needs.values where refusing && need.bytes > need.available {
      throw GoudError(
        .ioNoRoom, "the restore needs \(need.bytes) in \(need.directory), and \(need.available) is available there",
        hint: "free room there (goud backup prune), or name another place with --to",
        context: ["path": need.directory, "needed": "\(need.bytes.bytes)", "available": "\(need.available.bytes)"])
    }
    return needs.values.sorted { $0.directory < $1.directory }
  }
}

extension VolumePlace {
  /// The directory that a restore works in, or the nearest one above it that is there.
  func workDirectory(_ site: RestoreName.Site) throws -> String { try site == .inside ? path : nearestDirectory() }

  /// The directory, or the nearest one above it that is there.
  func nearestDirectory() throws -> String {
    var path = directory
    while try FileSystem.status(path) == nil && path != "/" { path = FileSystem.parent(of: path) }
    return path
  }
}
