import Foundation
import GoudCore
import TestSupport
import Testing

/// The guide's scenario 4: everything is lost but the bucket.
@Suite(.serialized) struct NetworkDeployTests {
  private func deploy(_ network: NetworkFixture, _ words: String...) async throws -> Finished {
    try await deploy(network, words)
  }

  private func deploy(_ network: NetworkFixture, _ words: [String]) async throws -> Finished {
    try await Programs.run(
      Checkout.path("scripts/deploy.sh"), words,
      environment: network.surroundings.merging(["GOUD_BINARY": Programs.built("goud")]) { $1 })
  }

  @Test func fromNothingToAHealthyNetworkOutOfABucket() async throws {
    try await ObjectServer.s3.with { location, environment, _ in
      try await NetworkFixture.with(settings: environment) { network in
        try await network.underLoad(seconds: 2)
        let keys = try await MinisignKeys(in: network.fixture.root, "own")
        for signer in [keys.secret, "authority"] {
          let made = try await network.goud("backup", "create", "-c", location, "--sign", signer)
          #expect(made.status == 0, "\(made.errors)")
        }
        let chain = try #require(try await network.status().chain)
        #expect(try await network.goud("network", "stop").status == 0)
        try FileManager.default.removeItem(atPath: network.fixture.home)

        for words in [[], ["--trust", "RWQ"], ["--chain", String(repeating: "0", count: 64)], ["--trust"]] {
          let refused = try await deploy(network, ["-c", location] + words)
          #expect(refused.status != 0 && refused.errors.contains("hint:"), "\(words): \(refused.errors)")
          #expect(!refused.errors.contains("  start"))
        }
        // The newest is signed by the authority, which is nobody here: the one before it is taken.
        let deployed = try await deploy(
          network, "-c", location, "--trust", keys.base64, "--chain", chain, "--wait", "240")
        #expect(deployed.errors.contains("passed over"), "\(deployed.errors)")
        #expect(deployed.output.contains("signed by \(keys.id), which is trusted"), "\(deployed.output)")
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
        let refused = try await deploy(network, "-c", location, "--trust-anything")
        #expect(refused.status == 10 && refused.errors.contains("no whole backup of local"), "\(refused.errors)")
        #expect(try await network.status().condition == "stopped")
        for words in [["--cloud"], ["--nonsense"], ["--terraform", "azure"]] {
          let usage = try await Programs.run(Checkout.path("scripts/deploy.sh"), words)
          #expect(usage.status == 64 && usage.errors.contains("hint:"), "\(words)")
        }
      }
    }
  }
}
