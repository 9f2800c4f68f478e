import Foundation
import GoudCore
import Layout
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// The container that a run without root repeats itself in. Needs root and `docker.io`.
@Suite(.serialized) struct HelperTests {
  private func with(
    options: [String] = [], _ body: @Sendable (NetworkFixture, DockerEngine) async throws -> Void
  ) async throws {
    try await DockerEngine.with(options: options) { engine in
      let settings = engine.environment.merging(["RUNTIME": "docker"]) { $1 }
      try await NetworkFixture.with(nodes: 1, settings: settings) { try await body($0, engine) }
    }
  }

  /// A helper's first step, without a container around it: as in one, the process is in groups that are not the caller's.
  @Test(arguments: [[], [4242]] as [[Int]]) func aHelperHasTheCallersGroupsAndNoOthers(_ groups: [Int]) async throws {
    try await Fixture.with { fixture in
      let volume = try await fixture.makeVolume()
      let (told, shared) = ("\(fixture.root)/told", "\(fixture.root)/shared")
      let text = #"{"environment":{},"user":65534,"group":65534,"groups":\#(groups),"restores":false}"#
      try AtomicFile.write(Array(text.utf8), to: told)
      let prepared = try await Programs.run(
        "/bin/sh",
        [
          "-ec", #"chown 65534 "$1"; chmod a+x "$(dirname "$1")"; mkdir -m 0770 "$2"; chgrp 4242 "$2""#, "sh", told,
          shared,
        ])
      try #require(prepared.status == 0, "\(prepared.errors)")
      let made = try await Programs.run(
        "setpriv", ["--groups=4242", Programs.built("goud"), "backup", "create", "--volume", volume, "-d", shared],
        environment: [
          "GOUD_HELPER": told, "GOUD_HOME": fixture.home, "BACKUP_NICE": "0",
          "GOUD_CONFIG_DIR": Repository.path("config"),
        ])
      #expect((made.status == 0) == groups.contains(4242), "\(made.errors)")
      #expect(try FileSystem.status(told)?.st_size == 0, "it has read it, and may hold credentials")
    }
  }

  @Test func whatIsAnotherRunsStaysAndWhatAKilledOneLeftGoes() async throws {
    try await with { network, engine in
      let member = try await EngineMember(network, engine)
      #expect(try await member.goud("volume", "list").status == 0)
      // Another run, about to start its helper; and one that was killed there.
      let living = try Temporary.create(.file, for: "living", in: Descriptor.open(member.run, O_RDONLY | O_DIRECTORY))
      let killed = "\(member.run)/.killed.goud-tmp-r123456789abcdef"
      try AtomicFile.write(Array("secret".utf8), to: killed)
      for (name, file) in [("living", living.path), ("killed", killed)] {
        try #require(chown(file, EngineMember.user, EngineMember.user) == 0)
        try await engine.docker(
          "create", "--label", "chain.goud.helper=local", "--label", "chain.goud.helper-file=\(file)", "--name", name,
          "goud:latest", "--version")
      }
      #expect(try await member.goud("volume", "list").status == 0)
      #expect(
        try await engine.docker("ps", "-a", "--filter", "label=chain.goud.helper", "--format", "{{.Names}}")
          == "living")
      #expect(
        try FileSystem.names(in: member.run).filter { $0.contains(".goud-tmp-") }
          == [FileSystem.name(of: living.path)])
      withExtendedLifetime(living) {}
    }
  }

  /// `userns-remap`: containers have users of their own, and none of them may enter the host's namespaces.
  @Test func anEngineThatGivesContainersOtherUsersIsNoObstacle() async throws {
    try await with(options: ["--userns-remap=default"]) { network, engine in
      try await network.underLoad(seconds: 1)
      let member = try await EngineMember(network, engine)
      let made = try await member.goud("backup", "create", "--format", "json")
      try #require(made.status == 0, "\(made.errors)")
      let json = try JSONSerialization.jsonObject(with: Data(made.output.utf8)) as? [String: Any]
      let archive = try #require(json?["archive"] as? String)
      #expect(try await network.goud("network", "stop").status == 0)
      let restored = try await member.goud("restore", archive, "--yes")
      #expect(restored.status == 0, "\(restored.errors)")
      try await network.start()
      try await network.nothingIsLost()
    }
  }
}
