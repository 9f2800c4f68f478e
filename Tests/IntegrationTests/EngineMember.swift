import Foundation
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// A user who may use the engine's socket and is not root; with a home of his own.
struct EngineMember: Sendable {
  /// `nobody`
  static let user: UInt32 = 65534

  private let environment: [String: String]
  private let home: String
  var backups: String { "\(home)/backups" }

  init(_ network: NetworkFixture, _ engine: DockerEngine) async throws {
    home = "\(network.fixture.root)/member"
    environment = engine.environment.merging(network.surroundings) { $1 }.merging([
      "GOUD_HOME": "\(home)/goud", "BACKUP_DIR": "\(home)/backups", "HOME": home, "TMPDIR": "/tmp",
    ]) { $1 }
    try FileManager.default.createDirectory(atPath: "\(home)/goud", withIntermediateDirectories: true)
    try await run("chown", "-R", "\(Self.user):\(Self.user)", home)
    try await run("chmod", "a+x", network.fixture.root)
    try await engine.admit(Self.user)
  }

  private func run(_ words: String...) async throws {
    let finished = try await Programs.run(words[0], Array(words.dropFirst()))
    try #require(finished.status == 0, "\(words): \(finished.errors)")
  }

  private static let becoming = ["--reuid=\(user)", "--regid=\(user)", "--clear-groups"]

  func may(_ words: String...) async throws -> Bool {
    try await Programs.run("setpriv", Self.becoming + words).status == 0
  }

  /// - Parameter directory: the working directory, below his home.
  func goud(
    _ words: String..., settings: [String: String] = [:], in directory: String = ""
  ) async throws -> Finished {
    try await Programs.run(
      "setpriv", Self.becoming + [Programs.built("goud")] + words, environment: environment.merging(settings) { $1 },
      in: "\(home)/\(directory)")
  }

  /// Where a helper's run keeps what it tells it.
  var run: String { "\(home)/goud/local/run" }

  /// Runs goud, and looks at its helper.
  /// - Returns: also what the helper had mounted, by its path.
  func watched(_ words: String..., in directory: String) async throws -> (Finished, mounts: [String]) {
    let script = """
      "$@" & goud=$!
      until helper=$(docker ps -aq --filter label=chain.goud.helper) && [ -n "$helper" ]; do
        kill -0 $goud 2>/dev/null || break
        sleep 0.01
      done
      docker inspect -f '{{range .Mounts}}{{println .Destination}}{{end}}' $helper >"$0"
      wait $goud
      """
    let list = "\(home)/mounts"
    let finished = try await Programs.run(
      "/bin/bash", ["-c", script, list, "setpriv"] + Self.becoming + [Programs.built("goud")] + words,
      environment: environment, in: "\(home)/\(directory)")
    let mounts = try String(contentsOfFile: list, encoding: .utf8).split(separator: "\n").map(String.init)
    return (finished, mounts)
  }

  /// Runs goud, and kills it as soon as there is something in `run` to tell its helper by.
  func killed(_ words: String..., settings: [String: String]) async throws -> Finished {
    let script = """
      setpriv \(Self.becoming.joined(separator: " ")) mkdir -p "$0"; before=$(ls -A "$0")
      "$@" & goud=$!
      until [ "$(ls -A "$0")" != "$before" ]; do
        kill -0 $goud 2>/dev/null || break
      done
      kill -KILL $goud; wait $goud
      """
    return try await Programs.run(
      "/bin/bash", ["-c", script, run, "setpriv"] + Self.becoming + [Programs.built("goud")] + words,
      environment: environment.merging(settings) { $1 }, in: home)
  }

  /// Runs goud, and interrupts it once a container of its own is there.
  func interrupted(_ words: String...) async throws -> Finished {
    let script = """
      "$@" & goud=$!
      until [ -n "$(docker ps -q --filter label=chain.goud.helper)" ]; do
        kill -0 $goud 2>/dev/null || break
        sleep 0.01
      done
      kill -INT $goud; wait $goud
      """
    return try await Programs.run(
      "/bin/bash", ["-mc", script, "bash", "setpriv"] + Self.becoming + [Programs.built("goud")] + words,
      environment: environment, in: home)
  }
}
