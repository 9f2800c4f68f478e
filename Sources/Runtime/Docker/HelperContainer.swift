import AsyncHTTPClient
import CGoudLinux
import Foundation
public import GoudCore
import Layout
import NIOCore
import NIOHTTP1
public import Volumes

#if canImport(Glibc)
  import Glibc
#endif

/// This very run, once more, in a container: for whoever may use the engine and not enter its volumes' directories.
///
/// The container has this program, what it needs of the system, and the caller's own directories, all at the paths that
/// they have here, and each volume at the path where its data is: read-only, unless the run restores. The program in it
/// becomes the caller (`enter`), so what it makes is the caller's, and keeps of root's powers those that it needs:
/// reading what is another's, and for a restore also writing it and giving it away.
public struct HelperContainer {
  /// The variable that names the directory where a helper is told what to do. Set for helpers, and nobody else.
  private static let variable = "GOUD_HELPER"
  private static let terminalVariable = "GOUD_HELPER_TERMINAL"

  /// Whether standard error ends at a terminal, be it by way of whoever started this helper.
  public static var hasTerminal: Bool { isatty(STDERR_FILENO) == 1 || getenv(terminalVariable) != nil }

  let volumes: DockerVolumes
  let configuration: GoudConfiguration
  let arguments: [String]
  let restores: Bool
  /// Whether volumes that are missing are made: what is not there cannot be mounted.
  let creates: Bool
  private var engine: EngineClient { volumes.engine }

  /// - Parameters:
  ///   - restores: whether the run writes to the volumes.
  ///   - creates: whether it makes those that are missing.
  /// - Returns: nil when this process can reach every volume by itself, or is a helper.
  public init?(_ configuration: GoudConfiguration, arguments: [String], restores: Bool, creates: Bool) throws {
    guard geteuid() != 0, getenv(Self.variable) == nil, let volumes = try DockerVolumes(configuration) else {
      return nil
    }
    guard try !volumes.areReachable() else { return nil }
    self.volumes = volumes
    self.configuration = configuration
    self.arguments = arguments
    self.restores = restores
    self.creates = creates
  }

  // MARK: - Outside

  /// Runs it to its end; what it prints comes out here, and a signal reaches it.
  /// - Returns: what it exits with.
  /// - Throws: `engine.…`.
  public func run(_ cancellation: Cancellation) throws -> ExitStatus {
    try volumes.home.create()
    try? FileManager.default.createDirectory(atPath: configuration.backupDirectory, withIntermediateDirectories: true)
    guard try engine.get("/images/\(configuration.dockerImage)/json", EngineImage.self) != nil else {
      throw GoudError(
        .engineImageMissing, "the engine has no image \(configuration.dockerImage)", hint: "scripts/build-image")
    }
    try removeFormer()
    let directory = try Descriptor.open(volumes.home.run, O_RDONLY | O_DIRECTORY)
    let place = try Temporary.create(.handover, in: directory)
    defer { place.remove() }
    try HelperHandover.prepare(in: place.path)
    let made = creates ? try volumes.makeMissing() : []
    let handover = try handover(made)
    let (_, answer) = try engine.call(.POST, "/containers/create", try body(place.path))
    let id = try EngineClient.decode(answer, "/containers/create", as: EngineIdentified.self).id
    defer { _ = try? engine.call(.DELETE, "/containers/\(id)?force=1", accepting: [404, 409]) }
    try engine.call(.POST, "/containers/\(id)/start", accepting: [304])
    let (engine, over) = (engine, Cancellation())
    _ = try handover.tell(in: place.path) {
      try cancellation.check()
      return try engine.get("/containers/\(id)/json", EngineInspection.self)?.state.running ?? false
    }
    let forwarder = Thread {
      while !cancellation.isCancelled && !over.isCancelled { usleep(50_000) }
      if !over.isCancelled { _ = try? engine.call(.POST, "/containers/\(id)/kill?signal=SIGTERM") }
    }
    forwarder.start()
    defer { over.cancel() }
    try Awaiting.result { try await Self.relay(id, engine) }
    let seen = try engine.get("/containers/\(id)/json", EngineInspection.self)
    try cancellation.check()
    return seen.flatMap { ExitStatus(rawValue: Int32($0.state.exitCode)) } ?? .failed
  }

  private func handover(_ made: [String]) throws -> HelperHandover {
    let environment = ProcessEnvironment.helper(
      usesStore: usesStore, isatty(STDERR_FILENO) == 1 ? [Self.terminalVariable: "1"] : [:])
    // In an engine without root, root in the container is the caller.
    let info = try engine.get("/info", EngineInfo.self)
    let isRootless = info?.securityOptions?.contains { $0.contains("rootless") } ?? false
    return HelperHandover(
      environment: environment.variables, user: isRootless ? 0 : geteuid(), group: isRootless ? 0 : getegid(),
      groups: isRootless ? [] : groups(), restores: restores,
      home: volumes.home.path, network: volumes.environment, made: made)
  }

  /// Whether the run is told of a bucket.
  private var usesStore: Bool { arguments.contains { $0.hasPrefix("-c") || $0.hasPrefix("--cloud") } }

  private func groups() -> [UInt32] {
    var groups = [gid_t](repeating: 0, count: 1 << 16)
    let count = getgroups(Int32(groups.count), &groups)
    return Array(groups.prefix(max(0, Int(count))))
  }

  /// Those whose run was killed, and which have ended since, with what they were told.
  private func removeFormer() throws {
    try Leftovers(in: volumes.home.run).remove()
    for one in try volumes.containers()
    where one.labels?[EngineLabel.helper] == volumes.environment && ["exited", "created", "dead"].contains(one.state) {
      guard let file = one.labels?[EngineLabel.helperFile], try FileSystem.status(file) == nil else { continue }
      try engine.call(.DELETE, "/containers/\(one.id)", accepting: [404, 409])
    }
  }

  private func body(_ place: String) throws -> [String: Any] {
    return [
      "Image": configuration.dockerImage, "Entrypoint": [try Detached.program()], "Cmd": arguments, "User": "0:0",
      "WorkingDir": FileManager.default.currentDirectoryPath,
      "Env": ["\(Self.variable)=\(place)", "PATH=\(path)"]
        + (getenv("LD_LIBRARY_PATH").map { ["LD_LIBRARY_PATH=\(String(cString: $0))"] } ?? []),
      "Labels": [EngineLabel.helper: volumes.environment, EngineLabel.helperFile: place],
      "HostConfig": [
        "Mounts": try mounts(), "NetworkMode": "host", "PidMode": "host",
        // An engine that gives containers users of their own lets none of those into the host's namespaces.
        "UsernsMode": "host",
        "CapDrop": ["ALL"],
        "CapAdd": ["SETUID", "SETGID", "SETPCAP", "DAC_READ_SEARCH"]
          + (restores ? ["DAC_OVERRIDE", "CHOWN", "FOWNER"] : []),
        "GroupAdd": groups().map { "\($0)" }, "SecurityOpt": ["no-new-privileges"],
        "LogConfig": ["Type": "json-file"], "Ulimits": [["Name": "core", "Soft": 0, "Hard": 0] as [String: Any]],
      ] as [String: Any],
    ]
  }

  private var path: String { ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin" }

  /// Volumes, system, and what is the caller's, at the paths that they have here.
  private func mounts() throws -> [[String: Any]] {
    var mounts: [[String: Any]] = []
    if restores {
      let location = try VolumeLocation()
      for volume in try volumes.ofNodes() {
        // What is restored is built beside it: in the engine's own directory for this one volume.
        let place = FileSystem.parent(of: volume.mountpoint)
        mounts.append(["Type": "bind", "Source": place, "Target": place])
        guard volume.isMountedOnUse, let path = try? location.path(of: volume), path != volume.mountpoint else {
          continue
        }
        let beside = FileSystem.parent(of: path)
        let around = ["/", "/etc", "/usr", "/var"].contains(beside) ? path : beside
        mounts.append(["Type": "bind", "Source": around, "Target": around])
      }
    } else {
      mounts = try volumes.ofNodes().map {
        ["Type": "volume", "Source": $0.name, "Target": $0.mountpoint, "ReadOnly": true]
      }
    }
    let own = callers()
    for path in system().subtracting(own).sorted() {
      mounts.append(["Type": "bind", "Source": path, "Target": path, "ReadOnly": true])
    }
    for path in own.sorted() { mounts.append(["Type": "bind", "Source": path, "Target": path]) }
    return mounts
  }

  /// The program, its libraries, other programs.
  private func system() -> Set<String> {
    var paths: Set = [
      "/usr", "/bin", "/lib", "/lib64", "/etc/ssl", "/etc/alternatives", "/etc/ld.so.cache", "/etc/passwd",
      "/etc/group", "/etc/nsswitch.conf",
    ]
    let maps = (try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8)) ?? ""
    for line in maps.split(separator: "\n") {
      guard let slash = line.firstIndex(of: "/"), !line.hasSuffix(" (deleted)") else { continue }
      paths.insert(FileSystem.parent(of: String(line[slash...])))
    }
    if let program = try? Detached.program() { paths.insert(FileSystem.parent(of: program)) }
    paths.formUnion(self.path.split(separator: ":").filter { $0.hasPrefix("/") }.map(String.init))
    if let directory = configuration.directory?.path { paths.insert(directory) }
    let below = ["/usr/", "/bin/", "/lib/", "/lib64/"]
    return paths.filter { path in
      path != "/" && access(path, F_OK) == 0 && !below.contains { path.hasPrefix($0) }
    }
  }

  /// Where the run reads and writes by itself, and what it was told to.
  private func callers() -> Set<String> {
    let variables = ProcessInfo.processInfo.environment
    var paths: Set = [
      configuration.home, configuration.backupDirectory, volumes.home.path, FileManager.default.currentDirectoryPath,
      variables["TMPDIR"] ?? "/tmp", engine.socket,
    ]
    if let home = variables["HOME"] { paths.insert(home) }
    let files = !usesStore ? [] : ["GOOGLE_APPLICATION_CREDENTIALS", "AWS_", "RCLONE_CONFIG", "SSL_CERT"]
    let named =
      variables.filter { variable in files.contains { variable.key.hasPrefix($0) } }.values.filter { $0.hasPrefix("/") }
      + arguments.map { $0.split(separator: "=").last.map(String.init) ?? $0 }
      + configuration[.trustedKeys].text.split(separator: " ").map(String.init).filter { $0.hasPrefix("/") }
    // Relative ones may lead out of the working directory.
    for path in named { paths.insert(FileSystem.parent(of: URL(fileURLWithPath: path).standardizedFileURL.path)) }
    return paths.filter { !["/", "/etc", "/usr", "/var"].contains($0) && access($0, F_OK) == 0 }
  }

  /// Prints what the container prints, until it has ended.
  private static func relay(_ id: String, _ engine: EngineClient) async throws {
    guard let url = URL(httpURLWithSocketPath: engine.socket, uri: "/containers/\(id)/logs?follow=1&stdout=1&stderr=1")
    else { return }
    var request = HTTPClientRequest(url: url.absoluteString)
    request.headers.add(name: "Host", value: "docker")
    let response = try await HTTPClient.impatient.execute(request, deadline: .distantFuture)
    var frames = LogFrames()
    for try await part in response.body {
      for frame in frames.take(part.readableBytesView) {
        let output = frame.isError ? FileHandle.standardError : FileHandle.standardOutput
        try output.write(contentsOf: Data(frame.bytes))
      }
    }
  }

  // MARK: - Inside

  /// In a helper: takes the caller's environment and becomes the caller. Elsewhere it does nothing. Before the first
  /// thread, since powers are each thread's own.
  /// - Throws: `io.failed`.
  /// - Returns: what is to be done when the run is over; nil elsewhere.
  public static func enter() throws -> (@Sendable () -> Void)? {
    guard let place = getenv(variable).map({ String(cString: $0) }) else { return nil }
    let handover = try HelperHandover.hear(in: place)
    for (key, value) in handover.environment { setenv(key, value, 1) }
    let groups = handover.groups
    guard goud_become(handover.user, handover.group, groups, Int32(groups.count), handover.restores ? 1 : 0) == 0 else {
      throw GoudError.system("become the user of", place)
    }
    return {
      guard !handover.made.isEmpty, let engine = try? EngineClient() else { return }
      let volumes = DockerVolumes(
        engine: engine, home: NetworkHome(handover.home), environment: handover.network, nodes: handover.made)
      try? volumes.discard(handover.made)
    }
  }
}
