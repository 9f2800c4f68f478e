import Foundation
import GoudCore
import TestSupport
import Testing

/// The guide's scenario 4: everything is lost but the bucket.
@Suite(.serialized) struct NetworkDeployTests {
  private func deploy(_ network: NetworkFixture, _ words: String...) async throws -> Finished {
    let place = [
      "GOUD_BINARY": Programs.built("goud"), "GOUD_HOME": network.fixture.home, "BACKUP_DIR": network.fixture.backups,
      "GOUD_CONFIG_DIR": Repository.path("config"),
    ]
    return try await Programs.run(
      Repository.path("scripts/deploy.sh"), words, environment: network.environment.merging(place) { $1 })
  }

  @Test func fromNothingToAHealthyNetworkOutOfABucket() async throws {
    try await ObjectServer.s3.with { location, environment, _ in
      try await NetworkFixture.with(settings: environment) { network in
        try await network.underLoad(seconds: 2)
        for _ in 0..<2 {
          let made = try await network.goud("backup", "create", "-c", location)
          #expect(made.status == 0, "\(made.errors)")
        }
        #expect(try await network.goud("network", "stop").status == 0)
        try FileManager.default.removeItem(atPath: network.fixture.home)

        let deployed = try await deploy(network, "-c", location, "--wait", "240")
        #expect(deployed.status == 0, "\(deployed.output) \(deployed.errors)")
        #expect(deployed.errors.contains("restore the newest backup from \(location)"))
        #expect(try await network.status().condition == "healthy")
        try await network.nothingIsLost()

        let again = try await deploy(network, "-c", location, "--wait", "240")
        #expect(again.status == 0 && again.errors.contains("nothing is restored"), "\(again.errors)")
        try await network.nothingIsLost()
      }
    }
  }

  @Test func withoutABackupOfTheEnvironmentNothingIsStarted() async throws {
    try await ObjectServer.s3.with { location, environment, _ in
      try await NetworkFixture.with(started: false, settings: environment) { network in
        let refused = try await deploy(network, "-c", location)
        #expect(refused.status == 10 && refused.errors.contains("no whole backup of local"), "\(refused.errors)")
        #expect(try await network.status().condition == "stopped")
        for words in [["--cloud"], ["--nonsense"], ["--terraform", "azure"]] {
          let usage = try await Programs.run(Repository.path("scripts/deploy.sh"), words)
          #expect(usage.status == 64 && usage.errors.contains("hint:"), "\(words)")
        }
      }
    }
  }
}
