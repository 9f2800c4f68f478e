import Foundation
import GoudCore
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
      let text = """
        {"environment":{},"user":65534,"group":65534,"groups":\(groups),"restores":false,"home":"","network":"local","made":[]}
        """
      let prepared = try await Programs.run(
        "/bin/sh",
        [
          "-ec",
          """
          mkdir -m 0700 "$1"; mkfifo -m 0600 "$1/told"; chown -R 65534 "$1"
          chmod a+x "$(dirname "$1")"; mkdir -m 0770 "$2"; chgrp 4242 "$2"
          """, "sh", told, shared,
        ])
      try #require(prepared.status == 0, "\(prepared.errors)")
      let telling = #"printf %s "$1" >"$2/told" & shift 2; exec setpriv --groups=4242 "$@""#
      let made = try await Programs.run(
        "/bin/sh",
        [
          "-c", telling, "sh", text, told, Programs.built("goud"), "backup", "create", "--volume", volume, "-d", shared,
        ],
        environment: [
          "GOUD_HELPER": told, "GOUD_HOME": fixture.home, "BACKUP_NICE": "0",
          "GOUD_CONFIG_DIR": Checkout.path("config"),
        ])
      #expect((made.status == 0) == groups.contains(4242), "\(made.errors)")
    }
  }

  @Test func whatIsAnotherRunsStaysAndWhatAKilledOneLeftGoes() async throws {
    try await with { network, engine in
      let member = try await EngineMember(network, engine)
      #expect(try await member.goud("volume", "list").status == 0)
      // Another run, about to start its helper; and one that was killed there.
      let places = ["a", "b"].map { "\(member.run)/.goud-handover-r00000000000000\($0)" }
      for (place, name) in zip(places, ["living", "killed"]) {
        let made = try await Programs.run(
          "/bin/sh",
          [
            "-ec", #"mkdir -m 0700 "$1"; : >"$1/.goud-owner"; mkfifo -m 0600 "$1/told"; chown -R "$2:$2" "$1""#, "sh",
            place, "\(EngineMember.user)",
          ])
        try #require(made.status == 0, "\(made.errors)")
        try await engine.docker(
          "create", "--label", "chain.goud.helper=local", "--label", "chain.goud.helper-file=\(place)", "--name", name,
          "goud:latest", "--version")
      }
      let owner = "\(places[0])/.goud-owner"
      try await Programs.running("/usr/bin/flock", [owner, "sleep", "600"]) { holder in
        try await waitUntil("the lock to be held") {
          let file = try Descriptor.open(owner, O_RDWR)
          return flock(file.fd, LOCK_EX | LOCK_NB) != 0
        }
        #expect(try await member.goud("volume", "list").status == 0)
        #expect(
          try await engine.docker("ps", "-a", "--filter", "label=chain.goud.helper", "--format", "{{.Names}}")
            == "living")
        #expect(try places.map { try FileSystem.status($0) != nil } == [true, false])
        holder.send(SIGKILL)
      }
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
