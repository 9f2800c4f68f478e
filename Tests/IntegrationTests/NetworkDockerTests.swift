import Foundation
import GoudCore
import TestSupport
import Testing

/// Nodes as containers of a real Docker Engine. Needs root and `docker.io`.
@Suite(.serialized) struct NetworkDockerTests {
  private func with(
    nodes: Int = 3, started: Bool = true, _ body: @Sendable (NetworkFixture, DockerEngine) async throws -> Void
  ) async throws {
    try await DockerEngine.with { engine in
      let settings = engine.environment.merging(["RUNTIME": "docker"]) { $1 }
      try await NetworkFixture.with(nodes: nodes, started: started, settings: settings) { try await body($0, engine) }
    }
  }

  private func backUp(_ network: NetworkFixture) async throws -> String {
    let made = try await network.goud("backup", "create", "--format", "json")
    try #require(made.status == 0, "\(made.errors)")
    let json = try JSONSerialization.jsonObject(with: Data(made.output.utf8)) as? [String: Any]
    return try #require(json?["archive"] as? String)
  }

  /// What `start`, `status`, `stop` and `logs` do, whatever runs the nodes.
  @Test(arguments: ["process", "docker"]) func theSameCommandsDoTheSame(_ runtime: String) async throws {
    try await DockerEngine.with { engine in
      let settings = engine.environment.merging(["RUNTIME": runtime]) { $1 }
      try await NetworkFixture.with(settings: settings) { network in
        let status = try await network.waitUntil("the network to be healthy") { $0.condition == "healthy" }
        #expect(status.nodes.map { $0.health?.role } == ["authority", "follower", "follower"])
        if runtime == "docker" {
          let made = try await engine.docker(
            "inspect", "-f", "{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.SecurityOpt}}",
            "node1")
          #expect(made.trimmingCharacters(in: .whitespacesAndNewlines) == "true [ALL] [no-new-privileges]")
        }
        #expect(try await network.underLoad(seconds: 2).acknowledged > 0)
        try await network.nothingIsLost()
        let listed = try await network.goud("volume", "list")
        for node in network.nodes { #expect(listed.output.contains("\(node)_data")) }
        #expect(try await network.goud("network", "logs", "node1", "-n", "2").output.split(separator: "\n").count == 2)
        #expect(try await network.goud("network", "stop", "node2").status == 0)
        #expect(try await network.status().node("node2").state == "stopped")
        #expect(try await network.goud("network", "start", "node2", "--wait", "240").status == 0)
        try await network.waitUntil("the nodes to be even") { $0.isEven }
        let first = try #require(try await network.status().node("node1").pid)
        kill(first, SIGKILL)
        try await network.waitUntil("node1 to be back") { status in
          let node = try status.node("node1")
          return status.condition == "healthy" && node.pid != first
        }
        let processes = try await network.status().nodes.compactMap(\.pid)
        #expect(processes.count == 3)
        #expect(try await network.goud("network", "stop").status == 0)
        #expect(try await network.status().condition == "stopped")
        for process in processes { #expect(kill(process, 0) != 0, "node of process \(process)") }
        #expect(try await network.goud("network", "start", "--wait", "240").status == 0)
        try await network.nothingIsLost()
      }
    }
  }

  /// The guide's scenario 1.
  @Test func aContainerThatIsStoppedAndStartedByHandSyncsFromItsPeers() async throws {
    try await with { network, engine in
      try await engine.docker("stop", "node1")
      try await network.waitUntil("node1 to be stopped") { try $0.node("node1").state == "stopped" }
      let other = try await engine.starts("node2")
      try await engine.docker("start", "node1")
      try await network.waitUntil("the nodes to be even") { $0.isEven }
      #expect(try await engine.starts("node2") == other)
      #expect(try await network.underLoad(seconds: 1).acknowledged > 0)
      try await network.nothingIsLost()
      // A start of the whole network is one of this node too.
      try await engine.docker("kill", "node3")
      try await network.waitUntil("node3 to be stopped") { try $0.node("node3").state == "stopped" }
      #expect(try await network.goud("network", "stop").status == 0)
      try await network.start()
    }
  }

  /// The guide's scenario 3; the backup before it restarts nobody.
  @Test func aVolumeThatIsRemovedIsRestored() async throws {
    try await with { network, engine in
      #expect(
        try await engine.docker("volume", "ls", "-q").split(separator: "\n")
          == ["node1_data", "node2_data", "node3_data"])
      try await network.underLoad(seconds: 2)
      var before: [String] = []
      for node in network.nodes { before.append(try await engine.starts(node)) }
      let archive = try await backUp(network)
      var after: [String] = []
      for node in network.nodes { after.append(try await engine.starts(node)) }
      #expect(after == before, "a backup restarts nobody")

      #expect(try await network.goud("network", "stop").status == 0)
      try await engine.docker("volume", "rm", "node1_data")
      let unasked = try await network.goud("restore", archive)
      #expect(unasked.status == 13, "\(unasked.errors)")
      #expect(!(try await engine.docker("volume", "ls", "-q").contains("node1_data")), "nothing is made for nothing")
      let restored = try await network.goud("restore", archive, "--yes")
      #expect(restored.status == 0, "\(restored.errors)")
      try await network.start()
      try await network.nothingIsLost()
      let root = try await Programs.run("stat", ["-c", "%u %a", "\(engine.volumes)/node1_data/_data"])
      #expect(root.output == "10001 700\n")
    }
  }

  /// Who may use the engine's socket, and not enter the directories where its volumes are.
  @Test func withoutRootAHelperContainerReachesTheVolumes() async throws {
    try await with { network, engine in
      try await network.underLoad(seconds: 2)
      // Volumes that differ: the restore has to bring them to the same block.
      try await engine.docker("stop", "node2")
      try await network.waitUntil("node2 to be stopped") { try $0.node("node2").state == "stopped" }
      let urls = [network.urls[0], network.urls[2]].flatMap { ["--url", $0] }
      let load = try await Programs.run(
        Programs.built("goud-load"), ["run"] + urls + ["--seconds", "2", "--clients", "2", "--record", network.record])
      #expect(load.status == 0, "\(load.errors)")
      let member = try await EngineMember(network, engine)
      #expect(!(try await member.may("ls", engine.volumes)))
      let listed = try await member.goud("volume", "list")
      #expect(listed.status == 0 && listed.output.contains("node3_data"), "\(listed.errors)")
      #expect(try await member.goud("volume", "inspect", "node1").status == 0)
      #expect([0, 20].contains(try await member.goud("volume", "check").status))

      var before: [String] = []
      for node in network.nodes { before.append(try await engine.starts(node)) }
      let asked = Date.now
      let made = try await member.goud("backup", "create", "--format", "json")
      try #require(made.status == 0, "\(made.errors)")
      var after: [String] = []
      for node in network.nodes { after.append(try await engine.starts(node)) }
      #expect(after == before, "a backup restarts nobody")
      #expect(try await engine.mounts(since: asked).sorted() == network.nodes.map { "\($0)_data read-only" })
      #expect(try await engine.docker("ps", "-aq").split(separator: "\n").count == 3, "nothing is left of it")

      let json = try JSONSerialization.jsonObject(with: Data(made.output.utf8)) as? [String: Any]
      let archive = try #require(json?["archive"] as? String)
      let file = try #require(try FileSystem.status(archive))
      #expect(file.st_uid == EngineMember.user && file.st_mode & 0o777 == 0o600)
      #expect(try await member.goud("backup", "verify", archive, "--level", "chain").status == 0)

      #expect(try await network.goud("network", "stop").status == 0)
      try await engine.docker("volume", "rm", "node1_data")
      // A helper has the volumes that it works on, and no others; nor is anything left of those made for nothing.
      try await engine.docker("volume", "create", "another")
      let failed = try await member.goud("restore", "no-such-backup", "--yes")
      #expect(failed.status == 10, "\(failed.errors)")
      #expect(!(try await engine.docker("volume", "ls", "-q").contains("node1_data")), "nothing is made for nothing")
      // From a directory beside: what it is told to read lies outside the working directory.
      let (restored, mounts) = try await member.watched(
        "restore", "../backups/\(FileSystem.name(of: archive))", "--yes", in: "goud")
      #expect(restored.status == 0, "\(restored.errors)")
      let seen = mounts.filter { $0.hasPrefix(engine.volumes) }
      #expect(seen.sorted() == network.nodes.map { "\(engine.volumes)/\($0)_data" }, "\(mounts)")
      let root = try await Programs.run("stat", ["-c", "%u %a", "\(engine.volumes)/node1_data/_data"])
      #expect(root.output == "10001 700\n")
      try await network.start()
      try await network.nothingIsLost()
    }
  }

  /// A run that is killed while its helper is being made.
  @Test func aHelperThatIsNeverToldLeavesNothingOfWhatItWouldHaveBeen() async throws {
    try await with(nodes: 1) { network, engine in
      let member = try await EngineMember(network, engine)
      let killed = try await member.killed(
        "backup", "create", "-c", "s3://nowhere", settings: ["AWS_SECRET_ACCESS_KEY": "canary-cloud"])
      #expect(killed.status == 137, "\(killed.output) \(killed.errors)")
      let left = try await Programs.run("grep", ["-rl", "--devices=skip", "canary-cloud", member.run])
      #expect(left.output == "", "\(left.output)")
      let inspected = try await Programs.run(
        "/bin/sh", ["-c", "docker ps -aq | xargs -r docker inspect"], environment: engine.environment)
      #expect(!inspected.output.contains("canary-cloud"))
      // The next one tidies up, and does its work.
      let made = try await member.goud("backup", "create")
      #expect(made.status == 0, "\(made.errors)")
      #expect(try FileSystem.names(in: member.run).filter { $0.contains("handover") }.isEmpty)
    }
  }

  @Test func aHelperEndsAsItsRunWould() async throws {
    try await with(nodes: 1, started: false) { network, engine in
      let member = try await EngineMember(network, engine)
      let unreached = try await member.goud("network", "start")
      #expect(unreached.status == 14 && unreached.errors.contains("as root"), "\(unreached.errors)")
      #expect(try await network.goud("network", "start", "--wait", "240").status == 0)
      #expect(try await member.goud("volume", "inspect", "nobody").status == 10)
      let missing = try await member.goud("backup", "create", settings: ["DOCKER_IMAGE": "nothing:there"])
      #expect(missing.status == 10 && missing.errors.contains("nothing:there"), "\(missing.errors)")
      let interrupted = try await member.interrupted("backup", "create")
      #expect(interrupted.status == 130, "\(interrupted.errors)")
      #expect(try await engine.docker("ps", "-aq").split(separator: "\n").count == 1, "nothing is left of it")
      #expect(try FileSystem.names(in: member.backups).filter { !$0.hasPrefix(".") }.isEmpty)
      #expect(try await member.goud("backup", "create").status == 0)
    }
  }

  /// The guide's "Clear and resync from peers".
  @Test func aVolumeThatWasClearedIsFilledByThePeers() async throws {
    try await with { network, engine in
      try await network.underLoad(seconds: 2)
      #expect(try await network.goud("network", "stop").status == 0)
      try await engine.docker("volume", "rm", "node1_data")
      try await engine.docker("volume", "create", "node1_data")
      let started = try await network.goud("network", "start", "--wait", "240")
      #expect(started.status == 0 && started.errors.contains("filled by its peers"), "\(started.errors)")
      try await network.nothingIsLost()
    }
  }

  /// The guide's commands read what `check` and `inspect` say, whoever made the volume.
  @Test func aVolumeOfAnotherNameIsFoundByItsLabel() async throws {
    try await with(nodes: 1, started: false) { network, engine in
      try await engine.docker(
        "volume", "create", "--label", "chain.goud.environment=local", "--label", "chain.goud.node=node1", "project_x")
      try await network.start()
      let seen = try await network.goud("volume", "inspect", "node1", "--format", "json")
      #expect(seen.status == 0 && seen.output.contains("project_x/_data"), "\(seen.output) \(seen.errors)")
      #expect(try await engine.docker("volume", "ls", "-q") == "project_x")
    }
  }

  private func compose(_ environment: [String: String], _ words: String...) async throws -> Finished {
    try await Programs.run("docker-compose", words, environment: environment)
  }

  /// What is committed for the two environments is what the configuration says, and compose takes it.
  @Test(arguments: ["local", "gcp"]) func theComposeFilesAreTheConfigurations(_ name: String) async throws {
    try await Fixture.with { fixture in
      let file = Checkout.path("deploy/docker/docker-compose.\(name).yml")
      let printed = try await fixture.goud("network", "compose", "--env", name)
      #expect(try printed.output == String(contentsOfFile: file, encoding: .utf8), "goud network compose --env \(name)")
      let checked = try await compose(["GOUD_HOME": fixture.home], "-f", file, "config", "-q")
      #expect(checked.status == 0, "\(checked.errors)")
      #expect(try await compose(["GOUD_HOME": ""], "-f", file, "config", "-q").status != 0, "it needs to be told")
    }
  }

  @Test func aNetworkThatComposeStartedIsManagedLikeOnesOwn() async throws {
    try await with(started: false) { network, engine in
      let settings = network.environment.merging(["GOUD_HOME": network.fixture.home]) { $1 }
      let file = "\(network.fixture.root)/docker-compose.yml"
      let printed = try await network.goud("network", "compose")
      try AtomicFile.write(Array(printed.output.utf8), to: file)
      let founded = try await network.goud("network", "found")
      #expect(founded.status == 0, "\(founded.errors)")
      let up = try await compose(settings, "-f", file, "up", "-d")
      try #require(up.status == 0, "\(up.errors)")
      try await network.waitUntil("the nodes to be even") { $0.isEven }
      #expect(try await network.status().managerPid == nil)
      let before = try await engine.starts("node1")
      try await network.start()
      try await network.underLoad(seconds: 1)
      _ = try await backUp(network)
      #expect(try await engine.starts("node1") == before)
      try await engine.docker("stop", "node2")
      try await network.waitUntil("node2 to be stopped") { try $0.node("node2").state == "stopped" }
      #expect(try await network.goud("network", "start", "node2", "--wait", "240").status == 0)
      try await network.nothingIsLost()
      #expect(try await network.goud("network", "stop").status == 0)
      #expect(try await engine.docker("ps", "-aq").isEmpty)
    }
  }

  @Test func aRestoreUnderRunningContainersPausesAndStartsThem() async throws {
    try await with { network, engine in
      try await network.underLoad(seconds: 1)
      let archive = try await backUp(network)
      let restored = try await network.goud("restore", archive, "--yes", "--volume", "node3")
      #expect(restored.status == 0, "\(restored.errors)")
      try await network.waitUntil("the nodes to be even") { $0.isEven }
      try await network.nothingIsLost()
    }
  }

  @Test func whatStandsInTheWayIsNamedAndNothingIsFounded() async throws {
    try await with(started: false) { network, engine in
      func refused(_ settings: [String: String], _ status: Int32, _ code: String) async throws {
        let finished = try await network.fixture.goud(
          ["network", "start", "--wait", "5", "--format", "json"],
          environment: network.environment.merging(settings) { $1 })
        #expect(finished.status == status && finished.errors.contains(code), "\(code): \(finished.errors)")
        #expect(try FileSystem.status("\(network.home)/network.json") == nil, "\(code): nothing is founded")
      }
      try await refused(["DOCKER_HOST": "unix:///nowhere/docker.sock"], 14, "engine.unreachable")
      try await refused(["DOCKER_HOST": "tcp://127.0.0.1:1"], 14, "engine.unreachable")
      try await refused(["DOCKER_IMAGE": "goud:other"], 10, "engine.image-missing")
      try await refused(["NODES": "a b c"], 64, "usage.invalid")
      try await engine.docker("create", "--name", "node2", "goud:latest", "--version")
      try await refused([:], 13, "engine.name-taken")
      try await engine.docker("rm", "node2")
      try await engine.docker("volume", "create", "node1_data")
      let compose = "com.docker.compose.volume=node1_data"
      try await engine.docker("volume", "create", "--label", compose, "project_node1_data")
      try await refused([:], 13, "volume.ambiguous")
    }
  }

  @Test func aVolumeThatAForeignContainerUsesIsLeftAlone() async throws {
    try await with { network, engine in
      let archive = try await backUp(network)
      #expect(try await network.goud("network", "stop").status == 0)
      try await engine.importProgram("/bin/sleep", as: "sleeper")
      try await engine.docker(
        "run", "-d", "--name", "stranger", "-v", "node1_data:/data", "sleeper", "/bin/sleep", "600")
      let before = try await network.fixture.tree("\(engine.volumes)/node1_data")
      for verb in [["network", "start"], ["restore", archive, "--yes"]] {
        let refused = try await network.fixture.goud(verb + ["--format", "json"], environment: network.environment)
        #expect(refused.status == 13 && refused.errors.contains("engine.volume-in-use"), "\(verb): \(refused.errors)")
        #expect(refused.errors.contains("stranger"))
      }
      #expect(try await network.fixture.tree("\(engine.volumes)/node1_data") == before)
      #expect(try await engine.starts("stranger").hasSuffix(" 0"))
    }
  }

  /// Founding a network where the engine keeps its data, with no room there; once there is, the same command goes on.
  @Test func aFullDiskInTheEnginesRootIsSaidAndTheNextStartGoesOn() async throws {
    try await withTemporaryDirectory { root in
      try await Mounts.ext4(megabytes: 1200, at: "\(root)/disk") { disk in
        let engine = DockerEngine(root: disk)
        let settings = engine.environment.merging(["RUNTIME": "docker"]) { $1 }
        try await NetworkFixture.with(started: false, settings: settings) { network in
          try await engine.running {
            try await engine.loadImage()
            let filler = "\(disk)/filler"
            _ = try await Programs.run("dd", ["if=/dev/zero", "of=\(filler)", "bs=64K"])
            let refused = try await network.goud("network", "start", "--wait", "5", "--format", "json")
            // A full file system finds a few blocks again: then founding goes through, and the nodes are refused.
            #expect(
              refused.status == 15 && refused.errors.contains("io.no-room")
                || refused.status == 1 && refused.errors.contains("no space left on device"), "\(refused.errors)")
            try FileManager.default.removeItem(atPath: filler)
            try await network.start()
            try await network.underLoad(seconds: 1)
            try await network.nothingIsLost()
            _ = try await network.goud("network", "stop")
            try await engine.removeContainers()
          }
        }
      }
    }
  }

  /// Containers end with their engine; that is said plainly, and they are back when it is.
  @Test func anEngineThatStopsInTheMiddleIsSaidAndItsNetworkComesBack() async throws {
    try await withTemporaryDirectory { root in
      let engine = DockerEngine(root: root)
      let settings = engine.environment.merging(["RUNTIME": "docker"]) { $1 }
      try await NetworkFixture.with(started: false, settings: settings) { network in
        try await engine.running {
          try await engine.loadImage()
          try await network.start()
          try await network.underLoad(seconds: 1)
        }
        let listed = try await network.goud("volume", "list", "--format", "json")
        #expect(listed.status == 14 && listed.errors.contains("engine.unreachable"), "\(listed.errors)")
        try await network.waitUntil("the nodes to be seen as down") { status in
          status.nodes.allSatisfy { $0.state == "waiting" || $0.state == "stopped" }
        }
        try await engine.running {
          try await network.waitUntil("the nodes to be even") { $0.isEven }
          try await network.nothingIsLost()
          _ = try await network.goud("network", "stop")
          try await engine.removeContainers()
        }
      }
    }
  }
}
