import Foundation
import GoudCore
import TestSupport
import Testing

/// Docker volumes that are mounted only while a container uses them. Needs root and `docker.io`.
@Suite(.serialized) struct EngineMountTests {
  private func with(
    nodes: Int, _ body: @Sendable (NetworkFixture, DockerEngine) async throws -> Void
  ) async throws {
    try await DockerEngine.with { engine in
      let settings = engine.environment.merging(["RUNTIME": "docker"]) { $1 }
      try await NetworkFixture.with(nodes: nodes, started: false, settings: settings) { try await body($0, engine) }
    }
  }

  private func archive(_ made: Finished) throws -> String {
    let json = try JSONSerialization.jsonObject(with: Data(made.output.utf8)) as? [String: Any]
    return try #require(json?["archive"] as? String, "\(made.errors)")
  }

  @Test func aBoundDirectoryIsBackedUpAndRestoredWhereItIs() async throws {
    try await with(nodes: 1) { network, engine in
      let place = "\(network.fixture.root)/bound"
      let data = "\(place)/data"
      try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
      try await engine.docker(
        "volume", "create", "-o", "type=none", "-o", "o=bind", "-o", "device=\(data)", "node1_data")
      try await network.start()
      try await network.underLoad(seconds: 1)
      #expect(try await network.goud("backup", "create").status == 0, "while it is mounted")
      #expect(try await network.goud("network", "stop").status == 0)
      let made = try await network.goud("backup", "create", "--format", "json")
      #expect(made.status == 0, "\(made.errors)")
      let seen = try await network.goud("volume", "inspect", "node1", "--format", "json")
      #expect(seen.output.contains("\"path\" : \"\(data)\""), "\(seen.output)")
      for name in try FileSystem.names(in: data) { try FileManager.default.removeItem(atPath: "\(data)/\(name)") }
      let restored = try await network.goud("restore", try archive(made), "--yes")
      #expect(restored.status == 0, "\(restored.errors)")
      #expect(try FileSystem.status("\(data)/rocksdb/CURRENT") != nil)
      try await network.start()
      try await network.nothingIsLost()
      #expect(try await network.goud("network", "stop").status == 0)
    }
  }

  @Test func whatIsMountedNowhereIsNamedAndNeverTakenForEmpty() async throws {
    try await with(nodes: 2) { network, engine in
      try await network.start()
      try await network.underLoad(seconds: 1)
      let whole = try archive(try await network.goud("backup", "create", "--format", "json"))
      #expect(try await network.goud("network", "stop").status == 0)
      try await engine.docker("volume", "rm", "node2_data")
      try await engine.docker("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "node2_data")
      func refused(_ status: Int32, _ words: String...) async throws {
        let finished = try await network.fixture.goud(words, environment: network.environment)
        #expect(finished.status == status, "\(words): \(finished.output) \(finished.errors)")
        #expect((finished.output + finished.errors).contains("node2_data is mounted only while"), "\(words)")
      }
      try await refused(3, "backup", "create")
      try await refused(14, "backup", "create", "--volume", "node1", "--volume", "node2")
      try await refused(14, "volume", "inspect", "node2")
      try await refused(21, "volume", "check")
      try await refused(0, "volume", "list")
      try await refused(14, "restore", whole, "--yes")
      try await refused(14, "restore", whole, "--yes", "--volume", "node2")
      try await refused(14, "network", "start", "--wait", "5")
      #expect(try FileSystem.names(in: "\(engine.volumes)/node2_data/_data").isEmpty)
      #expect(try FileSystem.names(in: "\(network.home)/volumes").filter { !$0.hasPrefix(".") } == ["node1_data"])
      // Mounted, it is a volume like any other: an empty one.
      try await engine.importProgram("/bin/sleep", as: "sleeper")
      try await engine.docker(
        "run", "-d", "--name", "holder", "-v", "node2_data:/data", "sleeper", "/bin/sleep", "600")
      let made = try await network.goud("backup", "create")
      #expect(made.status == 0 && made.errors.contains("node2_data is empty"), "\(made.errors)")
    }
  }
}
