import Foundation
import GoudCore
import TestSupport
import Testing

/// The commands of docs/volume-management.md as they stand there, under the headings that the tests are named by: on a
/// real Docker Engine, from a directory with `./run` and `./scripts`.
@Suite(.serialized) struct NetworkGuideTests {
  /// An operator's directory, and the network that it is about.
  private struct Desk: Sendable {
    let network: NetworkFixture
    let engine: DockerEngine
    var directory: String { "\(network.fixture.root)/desk" }

    init(_ network: NetworkFixture, _ engine: DockerEngine) throws {
      (self.network, self.engine) = (network, engine)
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
      for name in ["run", "scripts"] {
        try FileManager.default.createSymbolicLink(
          atPath: "\(directory)/\(name)", withDestinationPath: Checkout.path(name))
      }
      try FileManager.default.createSymbolicLink(
        atPath: "\(directory)/backups", withDestinationPath: network.fixture.backups)
    }

    /// Runs a line of the document as a shell does. `replacing` puts what is here for what the document takes as an
    /// example; ports are this network's.
    func type(
      _ line: String, replacing: [String: String] = [:], status: Int32 = 0,
      _ location: SourceLocation = #_sourceLocation
    ) async throws -> String {
      let document = try String(contentsOfFile: Checkout.path("docs/volume-management.md"), encoding: .utf8)
      #expect(
        document.components(separatedBy: "\n").contains { $0.hasPrefix(line) }, "the document has no line '\(line)'",
        sourceLocation: location)
      var words = line
      for (example, own) in replacing { words = words.replacingOccurrences(of: example, with: own) }
      words = words.replacingOccurrences(of: "localhost:8080", with: "127.0.0.1:\(network.ports.manager)")
        .replacingOccurrences(of: "localhost:8081", with: "127.0.0.1:\(network.ports.http)")
      let finished = try await Programs.run(
        "bash", ["-o", "pipefail", "-c", words],
        environment: network.surroundings.merging(["GOUD_BINARY": Programs.built("goud")]) { $1 },
        in: directory)
      #expect(finished.status == status, "\(words): \(finished.output) \(finished.errors)", sourceLocation: location)
      return finished.output
    }

    /// The newest archive, in the place of the document's `backup.tar.gz`.
    func backup() throws -> [String: String] {
      let names = try FileSystem.names(in: network.fixture.backups).filter { $0.hasSuffix(".tar.gz") }.sorted()
      return ["backup.tar.gz": try #require(names.last)]
    }
  }

  private func with(_ body: @Sendable (Desk) async throws -> Void) async throws {
    try await DockerEngine.with { engine in
      let settings = engine.environment.merging(["RUNTIME": "docker"]) { $1 }
      try await NetworkFixture.with(settings: settings) { network in
        try await network.underLoad(seconds: 1)
        try await body(try Desk(network, engine))
      }
    }
  }

  @Test func quickReferenceBackupMonitoringAndTroubleshooting() async throws {
    try await with { desk in
      // Quick reference
      let list = try await desk.type("./run volumes-list")
      for node in desk.network.nodes { #expect(list.contains("\(node)_data")) }
      #expect(try await desk.type("./run volumes-inspect node1").contains("rocksdb"))
      // Without a backup, and on a disk of any fullness, it may warn.
      let checked = try await desk.network.goud("volume", "check")
      #expect(try await desk.type("./run volumes-check", status: checked.status).contains("node3_data"))
      // Backup
      var starts: [String] = []
      for node in desk.network.nodes { starts.append(try await desk.engine.starts(node)) }
      #expect(try await desk.type("./run backup local").contains("node2_data"))
      #expect(try await desk.type("./scripts/backup-volumes.sh -e local --keep-running").contains("read back"))
      for (node, before) in zip(desk.network.nodes, starts) { #expect(try await desk.engine.starts(node) == before) }
      #expect(try await desk.type("goud backup list", replacing: ["goud": "./run goud"]).contains("complete"))
      // Monitoring
      let metrics = try await desk.type("curl http://localhost:8080/api/metrics | jq '.volume_metrics'")
      for field in ["disk_used_bytes", "disk_used_mb", "\"mount_path\": \"/data\"", "\"rocksdb_present\": true"] {
        #expect(metrics.contains(field))
      }
      #expect(metrics.contains("sst_file_count"))
      let prometheus = try await desk.type("curl http://localhost:8080/api/metrics/prometheus | grep goud_volume")
      for name in ["disk_used_bytes", "disk_used_mb", "rocksdb_present", "sst_files"] {
        #expect(prometheus.contains("goud_volume_\(name){"))
      }
      // A volume does not persist
      #expect(try await desk.type("docker inspect node1 | jq '.[0].Mounts'").contains("node1_data"))
      #expect(try await desk.type("docker volume ls | grep node1_data").contains("local"))
      try await desk.engine.importProgram("/bin/ls", as: "alpine")
      let inside = try await desk.type("docker run --rm -v node1_data:/data:ro alpine ls -lah /data")
      for name in ["rocksdb", "jwt_secret", "session_secret"] { #expect(inside.contains(name)) }
      // Schema version mismatch
      let health = try await desk.type("curl http://localhost:8081/health | jq '.schema_version, .chain_length'")
      #expect(health.split(separator: "\n").allSatisfy { Int($0) ?? 0 > 0 })
      // Disk space exhausted
      _ = try await desk.type("df -h")
      _ = try await desk.type("goud backup prune --dry-run", replacing: ["goud": "./run goud"])
      #expect(try await desk.type("goud backup list", replacing: ["goud": "./run goud"]).contains("complete"))
    }
  }

  @Test func scenarios1To3AndRocksDBCorruption() async throws {
    try await with { desk in
      // Scenario 1
      try await desk.engine.docker("stop", "node1")
      try await desk.engine.docker("start", "node1")
      try await desk.network.waitUntil("the nodes to be even") { $0.isEven }
      #expect(try await desk.type("./run status").contains("healthy"))
      // Scenario 2
      _ = try await desk.type("./run backup local")
      _ = try await desk.type("./run stop")
      _ = try await desk.type("./run restore backup.tar.gz", replacing: try desk.backup())
      _ = try await desk.type("./run start")
      #expect(try await desk.type("./run status").contains("local: healthy"))
      try await desk.network.nothingIsLost()
      // Scenario 3
      _ = try await desk.type("./run stop")
      _ = try await desk.type("docker volume rm node1_data")
      _ = try await desk.type("./run restore backup.tar.gz", replacing: try desk.backup())
      _ = try await desk.type("./run start")
      try await desk.network.nothingIsLost()
      // RocksDB corruption: clear, and sync from the peers
      _ = try await desk.type("./run stop")
      _ = try await desk.type("docker volume rm node1_data")
      _ = try await desk.type("docker volume create node1_data")
      _ = try await desk.type("./run start")
      try await desk.network.nothingIsLost()
    }
  }
}
