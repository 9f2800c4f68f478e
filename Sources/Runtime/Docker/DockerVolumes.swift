import Foundation
public import GoudCore
import Layout
import NIOHTTP1
public import Volumes

#if canImport(Glibc)
  import Glibc
#endif

/// The Docker volumes of an environment's nodes, made known in `$GOUD_HOME/<environment>/volumes` by links to their
/// data: `node1_data` → `/var/lib/docker/volumes/node1_data/_data`. Everything that works on volumes follows them.
///
/// A node's volume is the one that carries this environment's labels; else the one that compose made under this name
/// in whatever project, that bears the name, or that the node's container has mounted at `/data`.
public struct DockerVolumes: Sendable {
  let engine: EngineClient
  let home: NetworkHome
  let environment: String
  let nodes: [String]

  /// nil when the environment's nodes are not containers.
  public init?(_ configuration: GoudConfiguration) throws {
    guard configuration.runtime == .docker else { return nil }
    engine = try EngineClient()
    home = NetworkHome(configuration)
    environment = configuration.environment
    nodes = configuration.nodes
  }

  init(engine: EngineClient, home: NetworkHome, environment: String, nodes: [String]) {
    self.engine = engine
    self.home = home
    self.environment = environment
    self.nodes = nodes
  }

  /// Makes the links agree with the engine's volumes. A volume whose data is nowhere now (`absent`) has none.
  /// - Parameter creating: makes the volumes that are missing, empty.
  /// - Returns: the nodes whose volumes were made.
  /// - Throws: `engine.…`, `volume.ambiguous`.
  @discardableResult
  public func refresh(creating: Bool = false) throws -> [String] {
    var made: [String] = []
    let volumes = try list()
    let containers = try containers()
    let absent = try absent(volumes, containers)
    try home.create()
    for node in nodes {
      if let volume = try find(node, volumes, containers), absent["\(node)_data"] == nil {
        try link(node, volume)
      } else if creating && absent["\(node)_data"] == nil {
        _ = try create(node)
        made.append(node)
      } else if let status = try FileSystem.status(home.volume(node)), status.isLink {
        try FileManager.default.removeItem(atPath: home.volume(node))
      }
    }
    return made
  }

  /// Makes the volumes that are missing, empty, and links none.
  /// - Returns: the nodes whose volumes were made.
  /// - Throws: `engine.…`, `volume.ambiguous`.
  func makeMissing() throws -> [String] {
    let volumes = try list()
    let containers = try containers()
    return try nodes.filter { node in
      guard try find(node, volumes, containers) == nil else { return false }
      _ = try make(node, volumes)
      return true
    }
  }

  /// The volumes whose data is mounted nowhere now, by the name that they have here, and why. Never taken for empty.
  /// - Throws: `engine.…`, `volume.ambiguous`.
  public func absent() throws -> [String: GoudError] { try absent(list(), containers()) }

  private func absent(_ volumes: [EngineVolume], _ containers: [EngineContainer]) throws -> [String: GoudError] {
    let location = try VolumeLocation()
    var absent: [String: GoudError] = [:]
    for node in nodes {
      guard let volume = try find(node, volumes, containers) else { continue }
      do {
        _ = try location.path(of: volume)
      } catch let error as GoudError where error.code == .engineVolumeUnreachable {
        absent["\(node)_data"] = error
      }
    }
    return absent
  }

  /// - Parameter names: what the volumes are called here; nil: all of the environment.
  /// - Throws: `engine.volume-unreachable` when the data of one of them is mounted nowhere now.
  public func refuseAbsent(_ names: [String]? = nil) throws {
    let absent = try absent()
    if let name = (names ?? absent.keys.sorted()).first(where: { absent[$0] != nil }) { throw absent[name]! }
  }

  /// Takes back volumes that were made for nothing.
  public func discard(_ made: [String]) throws {
    for node in made where try isEmpty(node) {
      try engine.call(.DELETE, "/volumes/\(try name(node))", accepting: [404, 409])
    }
    if !made.isEmpty { try refresh() }
  }

  /// Whether nothing is in the node's volume, or there is none.
  /// - Throws: `engine.volume-unreachable` when that cannot be seen now.
  func isEmpty(_ node: String) throws -> Bool {
    try refuseAbsent(["\(node)_data"])
    guard let path = FileSystem.realPath(home.volume(node)) else { return true }
    return try FileSystem.names(in: path).isEmpty
  }

  /// Makes the node's volume, unless there is one, and links it.
  /// - Returns: the path of its data.
  func create(_ node: String) throws -> String {
    let volumes = try list()
    let volume = try find(node, volumes, try containers()) ?? make(node, volumes)
    return try link(node, volume)
  }

  private func make(_ node: String, _ volumes: [EngineVolume]) throws -> EngineVolume {
    let name = "\(node)_data"
    if let other = volumes.first(where: { $0.name == name }) {
      throw GoudError(
        .engineNameTaken,
        "the Docker volume \(name) belongs to the environment \(other.label(EngineLabel.environment) ?? "of another")",
        hint: "rename the node in NODES, or use another engine (DOCKER_HOST)", context: ["volume": name])
    }
    let (_, answer) = try engine.call(
      .POST, "/volumes/create",
      ["Name": name, "Labels": [EngineLabel.environment: environment, EngineLabel.node: node]])
    return try EngineClient.decode(answer, "/volumes/create")
  }

  /// - Throws: `engine.volume-in-use` when a running container that is not the node's has the volume.
  public func refuseForeignUsers() throws {
    let volumes = try list()
    let containers = try containers()
    for node in nodes {
      guard let volume = try find(node, volumes, containers) else { continue }
      for one in containers where one.mounts(volume.name) && !isOwn(one, node) {
        guard ["running", "paused", "restarting"].contains(one.state) else { continue }
        throw GoudError(
          .engineVolumeInUse, "the Docker volume \(volume.name) is in use by the container \(one.name)",
          hint: "stop it: docker stop \(one.name)", context: ["volume": volume.name, "container": one.name])
      }
    }
  }

  /// The name in the engine of the node's volume.
  func name(_ node: String) throws -> String {
    guard let volume = try find(node, try list(), try containers()) else {
      throw GoudError(.volumeNotFound, "there is no Docker volume of \(node)", hint: "goud network start makes it")
    }
    return volume.name
  }

  // MARK: - What the engine has

  private func list() throws -> [EngineVolume] { try engine.get("/volumes", EngineVolumeList.self)?.volumes ?? [] }

  func containers() throws -> [EngineContainer] { try engine.get("/containers/json?all=1") ?? [] }

  func isOwn(_ container: EngineContainer, _ node: String) -> Bool {
    container.labels?[EngineLabel.environment] == environment && container.labels?[EngineLabel.node] == node
  }

  func find(_ node: String, _ volumes: [EngineVolume], _ containers: [EngineContainer]) throws -> EngineVolume? {
    let own = volumes.filter {
      $0.label(EngineLabel.environment) == environment && $0.label(EngineLabel.node) == node
    }
    let name = "\(node)_data"
    let found =
      own.isEmpty
      ? volumes.filter { volume in
        guard [nil, environment].contains(volume.label(EngineLabel.environment)) else { return false }
        let mounted = containers.contains { one in
          isOwn(one, node) && (one.mounts ?? []).contains { $0.name == volume.name && $0.destination == "/data" }
        }
        return volume.name == name || volume.label(EngineLabel.composeVolume) == name || mounted
      } : own
    guard found.count < 2 else {
      let names = found.map { volume in
        volume.label(EngineLabel.composeProject).map { "\(volume.name) (project \($0))" } ?? volume.name
      }.sorted()
      throw GoudError(
        .volumeAmbiguous, "\(name) could be any of the Docker volumes \(names.joined(separator: ", "))",
        hint: "remove what is not used (docker volume rm), or name a path: goud volume inspect NAME=PATH")
    }
    return found.first
  }

  /// The volumes that the nodes have now.
  func ofNodes() throws -> [EngineVolume] {
    let (volumes, containers) = (try list(), try containers())
    return try nodes.compactMap { try find($0, volumes, containers) }
  }

  /// Whether this process may enter the directory where the engine keeps volumes.
  func areReachable() throws -> Bool {
    let location = try VolumeLocation()
    for volume in try ofNodes() {
      if let path = try? location.path(of: volume) { return isReachable(path) }
    }
    guard let root = try engine.get("/info", EngineInfo.self)?.dockerRootDir else { return false }
    return access("\(root)/volumes", W_OK | X_OK) == 0
  }

  private func isReachable(_ path: String) -> Bool { access(path, R_OK | X_OK) == 0 }

  /// - Returns: where the data is.
  @discardableResult
  private func link(_ node: String, _ volume: EngineVolume) throws -> String {
    let data = try VolumeLocation().path(of: volume)
    guard isReachable(data) else {
      throw GoudError(
        .engineVolumeUnreachable, "the data of the Docker volume \(volume.name) cannot be reached: \(data)",
        hint: "run goud as root, on the machine of the engine; backups and restores do without",
        context: ["path": data])
    }
    let path = home.volume(node)
    if let status = try FileSystem.status(path) {
      guard status.isLink else {
        throw GoudError(
          .networkDiffers, "\(path) is a directory: the network's nodes have been processes so far",
          hint: "start it with --runtime process, or move \(home.path) away", context: ["path": path])
      }
      if (try? FileManager.default.destinationOfSymbolicLink(atPath: path)) == data { return data }
      try FileManager.default.removeItem(atPath: path)
    }
    guard symlink(data, path) == 0 else { throw GoudError.system("link", path) }
    return data
  }
}
