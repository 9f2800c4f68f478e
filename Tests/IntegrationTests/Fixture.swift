import Foundation
import GoudCore
import TestSupport
import Testing
import WriterOracle

/// The real binary with a home of its own, removed afterwards.
struct Fixture: Sendable {
  /// Everything of this test lies below.
  let root: String
  var home: String { "\(root)/home" }
  var backups: String { "\(root)/backups" }
  var volumes: String { "\(home)/local/volumes" }

  static func with<Result: Sendable>(_ body: (Fixture) async throws -> Result) async throws -> Result {
    try await withTemporaryDirectory { root in
      let fixture = Fixture(root: root)
      for directory in [fixture.volumes, fixture.backups] {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
      }
      return try await body(fixture)
    }
  }

  /// Where the real binary finds its home, whatever the caller's environment says. Backups do not give way to the tests
  /// beside this one, and how full the disk of the tests is is no finding.
  var surroundings: [String: String] {
    [
      "GOUD_HOME": home, "BACKUP_DIR": backups, "GOUD_CONFIG_DIR": Checkout.path("config"), "BACKUP_NICE": "0",
      "VOLUME_WARNING_PERCENT": "98", "VOLUME_CRITICAL_PERCENT": "99",
    ]
  }

  /// Runs goud to its end, with `root` as its working directory.
  func goud(_ arguments: String..., environment: [String: String] = [:]) async throws -> Finished {
    try await goud(arguments, environment: environment)
  }

  func goud(_ arguments: [String], environment: [String: String] = [:]) async throws -> Finished {
    try await Programs.run(
      Programs.built("goud"), arguments, environment: surroundings.merging(environment) { $1 }, in: root)
  }

  /// The same under a clock that is off by so many days; files get their real times.
  func goud(_ arguments: String..., days: Int) async throws -> Finished {
    try await goud(arguments, clock: "\(days < 0 ? "" : "+")\(days)d")
  }

  /// - Parameter clock: faketime's: `-2m`, `+1y`.
  func goud(
    _ arguments: [String], clock: String, environment: [String: String] = [:]
  ) async throws -> Finished {
    try await Programs.run(
      "faketime", ["-f", clock, Programs.built("goud")] + arguments,
      environment: surroundings.merging(["NO_FAKE_STAT": "1"]) { $1 }.merging(environment) { $1 }, in: root)
  }

  /// What lets the file `clock` say, all the while, by how much a program's clock on the wall is off. To be run by `env`: what
  /// libfaketime adds to the environment of the first program that it is loaded into keeps Swift from finding its arguments.
  func clock(in file: String) -> [String: String] {
    [
      "LD_PRELOAD": "/usr/$LIB/faketime/libfaketimeMT.so.1", "FAKETIME_TIMESTAMP_FILE": file, "FAKETIME_NO_CACHE": "1",
      "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1",
    ]
  }

  /// The same, with a fault in place of a system call: `pread64:retval=0:when=1` (strace's way to say it).
  /// - Parameter path: only calls on this file.
  func goud(_ arguments: String..., fault: String, on path: String? = nil) async throws -> Finished {
    let call = String(fault.prefix { $0 != ":" })
    let tracing = ["-f", "-qq", "-o", "/dev/null", "-e", "trace=\(call)", "-e", "inject=\(fault)"]
    return try await Programs.run(
      "strace", tracing + (path.map { ["-P", $0] } ?? []) + [Programs.built("goud")] + arguments,
      environment: surroundings, in: root)
  }

  /// Starts goud, sends it `signal` once a file matching `path` (find's pattern) that is not empty is there, then runs
  /// `body`, and waits for goud's own end.
  ///
  /// A shell watches for the file: tests that keep every thread of this process busy must not make it miss the moment.
  func goud(
    _ arguments: [String], send signal: Int32, onceThereIs path: String,
    then body: @Sendable (Running) async throws -> Void = { _ in }
  ) async throws -> Finished {
    let script = """
      signal=$1 pattern=$2; shift 2
      "$@" & goud=$!
      until [ -n "$(find . -path "$pattern" -size +0 2>/dev/null)" ]; do
        kill -0 $goud 2>/dev/null || break
        sleep 0.01
      done
      kill -$signal $goud; echo $goud >signalled.new && mv signalled.new signalled
      wait $goud
      """
    let signalled = "\(root)/signalled"
    return try await Programs.run(
      "/bin/sh", ["-c", script, "sh", "\(signal)", path, Programs.built("goud")] + arguments,
      environment: surroundings, in: root
    ) { _ in
      try await waitUntil("goud to be at it") { try FileSystem.status(signalled) != nil }
      let goud = Running(pid: try #require(pid_t(try String(contentsOfFile: signalled, encoding: .utf8).dropLast())))
      do {
        try await body(goud)
      } catch {
        goud.send(SIGKILL)
        throw error
      }
    }
  }

  /// A node's volume with `rocksdb/` and its secrets, at rest.
  @discardableResult
  func makeVolume(_ name: String = "node1_data", operations: Int = 2000, _ further: [String] = []) async throws
    -> String
  {
    let path = "\(volumes)/\(name)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    try await writeDatabase("\(path)/rocksdb", operations: operations, ["--write-buffer", "65536"] + further)
    try FileManager.default.removeItem(atPath: "\(path)/rocksdb.oracle")
    for secret in ["jwt_secret", "session_secret"] {
      try AtomicFile.write(Array("\(secret) of \(name)".utf8), to: "\(path)/\(secret)")
    }
    return path
  }

  /// Backs up every volume of the home and returns the archive.
  func backUp(_ further: String...) async throws -> String {
    let finished = try await goud(["backup", "create", "--format", "json"] + further)
    try #require(finished.status == 0, "\(finished.errors)")
    let result = try JSONDecoder().decode(Created.self, from: Data(finished.output.utf8))
    return result.archive
  }

  private struct Created: Decodable { let archive: String }

  /// The operation a volume's database ends at, after comparing all of it with what was written.
  func lastOperation(_ volume: String, families: Int = 1, database: String = "rocksdb") throws -> UInt64 {
    try WriterModel(seed: 1, slots: 2000, valueBytes: 256, families: families)
      .check(directory: database == "." ? volume : "\(volume)/\(database)")
  }

  /// Everything below a directory: path, kind, mode, owner, content. Two equal lists are two equal trees, but for the
  /// record that every backup keeps of itself.
  func tree(_ directory: String) async throws -> String {
    let script = """
      cd "$1" && find . -not -name '*.verified.json' -not -name '*backup-runs.*' -printf '%p %y %m %U:%G %l\\n' | LC_ALL=C sort && \
      find . -type f -not -name '*backup-runs.*' -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum
      """
    return try await Programs.run("sh", ["-c", script, "tree", directory]).output
  }
}
