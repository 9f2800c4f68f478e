import TestSupport
import Testing

/// The short form of `scripts/fault-campaign`: each system call fails with each error, at some place.
@Suite(.serialized) struct FaultCampaignTests {
  @Test(arguments: ["backup", "restore"])
  func whateverCallFailsTheOutcomeIsWholeOrNothing(_ path: String) async throws {
    let finished = try await Programs.run(
      Checkout.path("scripts/fault-campaign"),
      [path, "--goud", Programs.built("goud"), "--runs", "60", "--seed", "14", "--seconds", "120"])
    #expect(finished.status == 0, "\(finished.output)\(finished.errors)")
  }
}

/// The short form of `scripts/volume-campaign`: volumes made at random are backed up, restored and compared.
@Suite struct VolumeCampaignTests {
  @Test func whatComesBackIsWhatWasThereOrIsNamed() async throws {
    let finished = try await Programs.run(
      Checkout.path("scripts/volume-campaign"),
      ["--goud", Programs.built("goud"), "--runs", "10", "--seed", "14", "--seconds", "120"])
    #expect(finished.status == 0, "\(finished.output)\(finished.errors)")
  }
}
