public import Foundation
import GoudCore

/// A real Docker Engine of its own: its socket, its data and its containers are below a directory of the test.
public struct DockerEngine: Sendable {
  private let root: String
  private let options: [String]
  private var socket: String { "\(root)/docker.sock" }
  private var pidFile: String { "\(root)/docker.pid" }

  /// What makes `docker`, and goud, ask this engine.
  public var environment: [String: String] { ["DOCKER_HOST": "unix://\(socket)"] }
  /// Where the engine keeps its volumes.
  public var volumes: String { "\(root)/data/volumes" }

  /// - Parameters:
  ///   - root: a directory; what a former engine of it has left is there again.
  ///   - options: further ones of dockerd.
  public init(root: String, options: [String] = []) { (self.root, self.options) = (root, options) }

  /// Runs `body` beside an engine that has the image, and removes every container afterwards.
  public static func with<Result: Sendable>(
    options: [String] = [], _ body: @Sendable (DockerEngine) async throws -> Result
  ) async throws -> Result {
    try await withTemporaryDirectory { root in
      let engine = DockerEngine(root: root, options: options)
      return try await engine.running {
        try await engine.loadImage()
        do {
          let result = try await body(engine)
          try await engine.removeContainers()
          return result
        } catch {
          try? await engine.removeContainers()
          throw error
        }
      }
    }
  }

  /// Runs `body` while the engine runs.
  public func running<Result: Sendable>(_ body: @Sendable () async throws -> Result) async throws -> Result {
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    // Containers with users of their own have to get there.
    if !options.isEmpty { try FileManager.default.setAttributes([.posixPermissions: 0o711], ofItemAtPath: root) }
    let script = """
      root=$1; shift
      exec dockerd --host "unix://$root/docker.sock" --data-root "$root/data" --exec-root "$root/exec" \
        --pidfile "$root/docker.pid" "$@" >>"$root/docker.log" 2>&1
      """
    return try await Programs.running("/bin/sh", ["-c", script, "sh", root] + options) { process in
      try await answers()
      do {
        let result = try await body()
        try await end(process)
        return result
      } catch {
        try? await end(process)
        throw error
      }
    }
  }

  private func answers() async throws {
    let deadline = ContinuousClock.now + .seconds(120)
    while try await Programs.run("docker", ["version"], environment: environment).status != 0 {
      guard ContinuousClock.now < deadline else {
        let log = (try? String(contentsOfFile: "\(root)/docker.log", encoding: .utf8)) ?? ""
        throw TestFailure("the engine does not answer: \(log.suffix(2000))")
      }
      try await Task.sleep(for: .milliseconds(100))
    }
  }

  private func end(_ process: Running) async throws {
    process.send(SIGTERM)
    try await waitUntil("the engine to end") { try FileSystem.status(pidFile) == nil }
    // Left mounted where it made one, and then `root` could not be removed.
    _ = try await Programs.run("umount", ["\(root)/exec/netns/default"])
  }

  /// Runs `docker`.
  /// - Returns: what it printed.
  /// - Throws: `TestFailure` when it fails.
  @discardableResult
  public func docker(_ words: String...) async throws -> String { try await docker(words) }

  private func docker(_ words: [String]) async throws -> String {
    let finished = try await Programs.run("docker", words, environment: environment)
    guard finished.status == 0 else { throw TestFailure("docker \(words): \(finished.errors)") }
    return finished.output.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// Lets a user use the socket.
  public func admit(_ user: UInt32) async throws {
    for words in [["chmod", "a+x", root], ["chown", "\(user)", socket]] {
      let finished = try await Programs.run(words[0], Array(words.dropFirst()))
      guard finished.status == 0 else { throw TestFailure("\(words): \(finished.errors)") }
    }
  }

  /// The volumes that containers have mounted since: `NAME read-only` or `NAME read-write`.
  public func mounts(since: Date) async throws -> [String] {
    let format = #"{{.Actor.ID}} read-{{if eq (index .Actor.Attributes "read/write") "true"}}write{{else}}only{{end}}"#
    return try await docker(
      "events", "--since", "\(since.timeIntervalSince1970)", "--until", "\(Date.now.timeIntervalSince1970)",
      "--filter", "type=volume", "--filter", "event=mount", "--format", format
    ).split(separator: "\n").map(String.init)
  }

  /// When a container was started, and how often the engine has restarted it.
  public func starts(_ container: String) async throws -> String {
    try await docker("inspect", "-f", "{{.State.StartedAt}} {{.RestartCount}}", container)
  }

  /// Makes an image that has one program of this machine, with its libraries.
  public func importProgram(_ program: String, as image: String) async throws {
    let script = """
      tar -ch -C / --transform 's,^/,,' -P "$1" $(ldd "$1" | grep -o '/[^ ]*') |
        docker import --change 'ENV PATH=/bin:/usr/bin' - "$2"
      """
    let made = try await Programs.run("/bin/sh", ["-c", script, "sh", program, image], environment: environment)
    guard made.status == 0 else { throw TestFailure("docker import: \(made.errors)") }
  }

  public func removeContainers() async throws {
    let all = try await docker("ps", "-aq").split(separator: "\n").map(String.init)
    if !all.isEmpty { _ = try await docker(["rm", "-f"] + all) }
  }

  public func loadImage() async throws { try await docker("load", "-q", "-i", try await Self.image.value) }

  /// The image out of the goud that is tested, made once.
  private static let image = Task {
    let path = Checkout.path(".build/goud-test-image.tar")
    let built = try await Programs.run(
      Checkout.path("scripts/build-image"), ["--output", path], environment: ["GOUD_BINARY": Programs.built("goud")])
    guard built.status == 0 else { throw TestFailure("build-image: \(built.errors)") }
    return path
  }
}
