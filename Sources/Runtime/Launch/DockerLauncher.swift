import Foundation
import GoudCore
import Layout
import NIOHTTP1
import Volumes

#if canImport(Glibc)
  import Glibc
#endif

/// Nodes as containers of a Docker Engine on this machine. The engine restarts those that end by themselves; what the
/// operator stops or starts by `docker` counts as asked for.
public struct DockerLauncher: NodeLauncher {
  private let home: NetworkHome
  private let plan: NetworkPlan
  private let settings: NetworkPlan.Docker
  private let founding: Founding
  private let volumes: DockerVolumes
  private var engine: EngineClient { volumes.engine }
  private let marks: StopMarks

  init(home: NetworkHome, plan: NetworkPlan, settings: NetworkPlan.Docker, founding: Founding, volumes: DockerVolumes) {
    self.home = home
    self.plan = plan
    self.settings = settings
    self.founding = founding
    self.volumes = volumes
    marks = StopMarks(home)
  }

  public func running(_ node: String) -> ProcessID? {
    guard let seen = try? inspect(node), seen.state.running else { return nil }
    return ProcessID(seen.state.pid)
  }

  public func start(_ node: String) throws -> ProcessID {
    let planned = try plan.node(node)
    let image = try image()
    try founding.turn.take {
      try volumes.refresh()
      if try volumes.isEmpty(node) { _ = try founding.prepare() }
      try volumes.refuseForeignUsers()
      try network()
    }
    try handOver(node, image)
    let id = try container(planned, image)
    try engine.call(.POST, "/containers/\(id)/start", accepting: [304])
    for _ in 0..<100 {
      if let process = running(node) { return process }
      usleep(20_000)
    }
    let seen = try inspect(node)
    throw GoudError(
      .networkStartFailed,
      "the container of \(node) ended at once (\(seen.map { "exit \($0.state.exitCode)" } ?? "gone"))",
      hint: "see docker logs \(node)")
  }

  public func stop(_ node: String, _ process: ProcessID, kill: Bool) throws {
    guard let id = try find(node)?.id else { return }
    // 409: it does not run any more.
    try engine.call(.POST, "/containers/\(id)/kill?signal=\(kill ? "SIGKILL" : "SIGTERM")", accepting: [404, 409])
  }

  public func ended(_ node: String, _ process: ProcessID) -> String? {
    settled(node, process).map { "exit \($0.state.exitCode)" }
  }

  public let isSharedWithOperator = true

  /// The engine would have restarted it if it had ended by itself.
  public func stoppedByHand(_ node: String, _ process: ProcessID) -> Bool {
    guard (try? engine.ping()) != nil else { return false }
    guard let seen = settled(node, process) else { return isGone(node) }
    return !seen.state.running && !seen.state.restarting
  }

  private func isGone(_ node: String) -> Bool {
    do { return try find(node) == nil } catch { return false }
  }

  public func remove(_ node: String) throws {
    guard let id = try find(node)?.id else { return }
    try engine.call(.DELETE, "/containers/\(id)?force=1", accepting: [404, 409])
  }

  /// The network goes when nobody is in it any more.
  public func removeShared() throws {
    try engine.call(.DELETE, "/networks/\(plan.network)", accepting: [403, 404, 409])
  }

  public func prepare() throws {
    for node in plan.nodes where !(2...63).contains(node.name.utf8.count) {
      throw GoudError(
        .usage, "'\(node.name)' cannot be a container's name: it has 2 to 63 characters",
        hint: "name the nodes otherwise: NODES")
    }
    _ = try image()
    try volumes.refuseForeignUsers()
    for one in try volumes.containers() {
      if let node = plan.nodes.first(where: { $0.name == one.name })?.name, !volumes.isOwn(one, node) {
        throw taken(node)
      }
    }
  }

  public func handOver() throws {
    let image = try image()
    for node in plan.nodes { try handOver(node.name, image) }
  }

  private func handOver(_ node: String, _ image: EngineImage) throws {
    let shift = try engine.get("/info", EngineInfo.self)?.shift ?? (user: 0, group: 0)
    try founding.makeProgress(node)
    for directory in [home.volume(node), home.progress(node)] {
      try VolumeOwner.give(
        directory, user: image.owner.user + shift.user, group: image.owner.group + shift.group)
    }
    // The container's user is another one; who may read the genesis is decided by the directories above it.
    guard chmod(home.genesis, 0o644) == 0 else { throw GoudError.system("set the mode of", home.genesis) }
  }

  public func check() throws { try engine.ping() }

  public func container(_ node: String) -> NodeContainer? {
    (try? inspect(node)).flatMap { $0 }.map { NodeContainer(id: $0.id, started: $0.state.running ? $0.started : nil) }
  }

  public func isStopped(_ node: String) -> Bool { marks.isStopped(node) }
  public func remember(_ node: String, stopped: Bool) throws { try marks.remember(node, stopped: stopped) }

  /// What the node has written, newest last: at most `lines` lines, of those after `since` (seconds since 1970).
  public func log(_ node: String, lines: Int, since: Double? = nil) throws -> [String] {
    guard let id = try find(node)?.id else { return [] }
    let after = since.map { "&since=\(String(format: "%.9f", $0))" } ?? ""
    let (_, body) = try engine.call(.GET, "/containers/\(id)/logs?stdout=1&stderr=1&tail=\(lines)\(after)")
    return LogFrames.lines(body)
  }

  // MARK: - The engine

  private func find(_ node: String) throws -> EngineContainer? {
    try volumes.containers().first { volumes.isOwn($0, node) }
  }

  private func inspect(_ node: String) throws -> EngineInspection? {
    try find(node).flatMap { try engine.get("/containers/\($0.id)/json") }
  }

  /// What the engine says once it knows that the process has ended.
  private func settled(_ node: String, _ process: ProcessID) -> EngineInspection? {
    for _ in 0..<100 {
      guard let seen = try? inspect(node) else { return nil }
      if !seen.state.running || seen.state.pid != process.pid { return seen }
      usleep(20_000)
    }
    return nil
  }

  private func image() throws -> EngineImage {
    if let image: EngineImage = try engine.get("/images/\(settings.image)/json") { return image }
    throw GoudError(
      .engineImageMissing, "the Docker Engine has no image \(settings.image)",
      hint: "build it with scripts/build-image, or name another one: DOCKER_IMAGE",
      context: ["image": settings.image])
  }

  private func network() throws {
    let labels = [EngineLabel.environment: plan.environment]
    if try engine.get("/networks/\(plan.network)", [String: Ignored].self) != nil { return }
    try engine.call(
      .POST, "/networks/create", ["Name": plan.network, "Driver": "bridge", "Labels": labels], accepting: [409])
  }

  /// - Returns: the id of the node's container, which is made anew when its settings are others now.
  private func container(_ node: NetworkPlan.Node, _ image: EngineImage) throws -> String {
    let name = try volumes.name(node.name)
    var body = try ContainerSettings(plan: plan, settings: settings, home: home).body(
      node, volume: name, network: plan.network)
    let digest = ContainerSettings.digest(body, image: image.id)
    if let present = try find(node.name) {
      let own = present.labels?[EngineLabel.settings]
      // Without the label somebody else made it, compose for one: it stays as it is.
      if own == nil || own == digest || present.state == "running" { return present.id }
      try remove(node.name)
    }
    var labels = body["Labels"] as? [String: String] ?? [:]
    labels[EngineLabel.settings] = digest
    body["Labels"] = labels
    let (status, answer) = try engine.call(.POST, "/containers/create?name=\(node.name)", body, accepting: [409])
    guard status != 409 else { throw taken(node.name) }
    let created: Created = try EngineClient.decode(answer, "/containers/create")
    return created.id
  }

  private func taken(_ name: String) -> GoudError {
    GoudError(
      .engineNameTaken, "a container named \(name) is there already, and is not this network's",
      hint: "remove or rename it: docker rename \(name) OTHER", context: ["container": name])
  }

  private struct Created: Decodable { let id: String }
  private struct Ignored: Decodable { init(from decoder: any Decoder) {} }
}
