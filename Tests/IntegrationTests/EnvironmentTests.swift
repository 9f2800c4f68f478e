import Foundation
import GoudCore
import TestSupport
import Testing

/// An environment is a file: nothing else is needed for a third one.
@Suite struct EnvironmentTests {
  @Test func aThirdEnvironmentNeedsOnlyAFile() async throws {
    try await NetworkFixture.with(nodes: 1, started: false) { network in
      let fixture = network.fixture
      let config = "\(fixture.root)/config"
      try FileManager.default.copyItem(atPath: Checkout.path("config"), toPath: config)
      let settings = """
        NODES="alpha"
        BACKUP_ENABLED=true
        BACKUP_COMPRESSION=zstd
        BACKUP_DIR=\(fixture.root)/archives
        MANAGER_PORT=\(network.ports.manager)
        NODE_HTTP_PORT=\(network.ports.http)
        NODE_PEER_PORT=\(network.ports.peer)

        """
      try FileManager.default.createDirectory(
        atPath: "\(config)/environments/staging", withIntermediateDirectories: true)
      try AtomicFile.write(Array(settings.utf8), to: "\(config)/environments/staging/overrides.env")
      // The fixture's own BACKUP_DIR would go before the file.
      func goud(_ arguments: String...) async throws -> Finished {
        try await Programs.run(
          Programs.built("goud"), arguments + ["--env", "staging"],
          environment: ["GOUD_HOME": fixture.home, "GOUD_CONFIG_DIR": config], in: fixture.root)
      }
      do {
        let started = try await goud("network", "start", "--wait", "240")
        #expect(started.status == 0, "\(started.errors)")
        #expect(try await goud("network", "status").output.contains("alpha"))
        let made = try await goud("backup", "create")
        #expect(made.status == 0, "\(made.errors)")
        let archives = try FileSystem.names(in: "\(fixture.root)/archives")
        #expect(archives.contains { $0.hasPrefix("goud-chain-backup-staging-") && $0.hasSuffix(".tar.zst") })
      } catch {
        _ = try? await goud("network", "stop")
        throw error
      }
      #expect(try await goud("network", "stop").status == 0)
      let unknown = try await Programs.run(
        Programs.built("goud"), ["volume", "list", "--env", "production"],
        environment: ["GOUD_HOME": fixture.home, "GOUD_CONFIG_DIR": config], in: fixture.root)
      #expect(unknown.status == 10 && unknown.errors.contains("production"), "\(unknown.errors)")
    }
  }
}
