import Foundation
import GoudCore
import TestSupport
import Testing
import WriterOracle

/// `goud volume expand` on real file systems, on loop devices that grow while a node writes. Needs root.
@Suite(.serialized) struct ExpandTests {
  private struct Plan: Decodable {
    let commands: [String]
    let alongside: [String]
  }
  private struct Report: Decodable {
    let deviceBytes: Int64
    let fileSystemBytes: Int64
  }

  private func decode<Value: Decodable>(_ finished: Finished) throws -> Value {
    try #require(finished.status == 0, "\(finished.errors)")
    return try JSONDecoder().decode(Value.self, from: Data(finished.output.utf8))
  }

  private func code(_ finished: Finished) throws -> String? {
    let error = try JSONSerialization.jsonObject(with: Data(finished.errors.utf8)) as? [String: Any]
    #expect(error?["hint"] != nil)
    return error?["code"] as? String
  }

  private func with(_ fileSystem: String = "ext4", megabytes: Int = 64, _ body: @Sendable (Disk) async throws -> Void)
    async throws
  {
    try await Fixture.with { fixture in
      let volume = "\(fixture.volumes)/node1_data"
      try await Mounts.loop(fileSystem, megabytes: megabytes, at: volume) { mounted in
        let device = try await Programs.run("findmnt", ["-no", "SOURCE", mounted]).output.dropLast()
        try await body(Disk(fixture: fixture, volume: mounted, device: String(device), image: "\(mounted).img"))
      }
    }
  }

  @Test func aLocalVolumeGrowsWhileItsNodeWrites() async throws {
    try await with("xfs", megabytes: 320) { disk in
      let oracle = try Oracle(path: "\(disk.fixture.root)/oracle")
      let arguments = ["\(disk.volume)/rocksdb", "--oracle", "\(disk.fixture.root)/oracle", "--write-buffer", "65536"]
      try await withWriter(arguments) { writer in
        try await waitUntil("500 operations") { oracle.acknowledged >= 500 }
        let report: Report = try decode(try await disk.expand("640MB"))
        #expect(report.deviceBytes == 640 << 20 && report.fileSystemBytes == 640 << 20)
        let before = oracle.acknowledged
        try await waitUntil("the writer to go on") { oracle.acknowledged > before + 500 }
        #expect(kill(writer.pid, 0) == 0)
      }
      #expect(try FileSystem.room(at: disk.volume).total.bytes > 500 << 20)
      let acknowledged = oracle.acknowledged
      let last = try WriterModel(seed: 1, slots: 2000, valueBytes: 256, families: 1)
        .check(directory: "\(disk.volume)/rocksdb")
      #expect(last >= acknowledged, "nothing is lost")
    }
  }

  /// Root in a container often lacks the capability that the kernel asks for: then the disk stays as it is, since one
  /// that was enlarged for nothing cannot be made smaller again.
  @Test func ext4GrowsWhereTheKernelAllowsItAndIsLeftAloneElsewhere() async throws {
    try await with { disk in
      try await writeDatabase("\(disk.volume)/rocksdb", operations: 2000, ["--write-buffer", "65536"])
      let plan: Plan = try decode(try await disk.expand("64MB"))
      #expect(plan.commands.isEmpty, "it covers its device")
      let finished = try await disk.expand("256MB")
      if try await Mounts.mayGrowExt4() {
        let report: Report = try decode(finished)
        #expect(report.deviceBytes == 256 << 20 && report.fileSystemBytes == 256 << 20)
        #expect(try FileSystem.room(at: disk.volume).total.bytes > 200 << 20)
      } else {
        #expect(try finished.status == 1 && code(finished) == "io.permission-denied", "\(finished.errors)")
        #expect(try FileSystem.status(disk.image)?.st_size == 64 << 20)
      }
      try await Mounts.isWhole(disk.device, at: disk.volume)
    }
  }

  @Test func thePlanShowsTheCommandsAndChangesNothing() async throws {
    try await with { disk in
      let plan: Plan = try decode(try await disk.expand("128MB", "--dry-run"))
      #expect(
        plan.commands == [
          "truncate --size=134217728 \(disk.image)", "losetup --set-capacity \(disk.device)",
          "resize2fs \(disk.device)",
        ])
      #expect(try FileSystem.status(disk.image)?.st_size == 64 << 20)
    }
  }

  @Test func whatIsThereAlreadyIsNotDoneAndShrinkingIsRefused() async throws {
    try await with("xfs", megabytes: 320) { disk in
      let plan: Plan = try decode(try await disk.expand("320MB"))
      #expect(plan.commands.isEmpty)
      let refused = try await disk.expand("100MB")
      #expect(try refused.status == 13 && code(refused) == "volume.would-shrink")
      // Somebody else has enlarged the device: only the file system is left to grow.
      try await disk.enlarge(400)
      let rest: Plan = try decode(try await disk.expand("400MB", "--dry-run"))
      #expect(rest.commands == ["xfs_growfs -d \(disk.volume)"])
      let report: Report = try decode(try await disk.expand("400MB"))
      #expect(report.fileSystemBytes == 400 << 20)
    }
  }

  /// Amazon's own tool against moto, which answers as EC2 does; the disk grows behind the kernel's back, as there.
  @Test func amazonsDiskIsModifiedAndItsFileSystemGrown() async throws {
    try await with("xfs", megabytes: 512) { disk in
      try await Moto.with { moto in
        let id = try await moto.aws(
          "ec2", "create-volume", "--size", "1", "--availability-zone", "eu-west-1a", "--query", "VolumeId")
        let environment = moto.environment.merging([
          "VOLUME_DRIVER": "awsElasticBlockStore", "VOLUME_IDS": id, "VOLUME_ZONE": "eu-west-1",
        ]) { $1 }
        async let expanded = disk.expand("2GB", environment: environment)
        let size = ["ec2", "describe-volumes", "--volume-ids", id, "--query", "Volumes[0].Size"]
        let deadline = ContinuousClock.now + .seconds(120)
        while try await moto.aws(size) != "2" {
          guard ContinuousClock.now < deadline else { throw TestFailure("the volume is not modified") }
        }
        try await disk.enlarge(2048)
        let report: Report = try decode(try await expanded)
        #expect(report.deviceBytes == 2 << 30 && report.fileSystemBytes == 2 << 30)
        let unknown = try await disk.expand(
          "3GB", environment: environment.merging(["VOLUME_IDS": "vol-0000"]) { $1 })
        #expect(unknown.status == 1 && unknown.errors.contains("InvalidVolume.NotFound"), "\(unknown.errors)")
      }
    }
  }

  /// Google's tool, recorded: it asks for the size, enlarges the disk, and the kernel sees it.
  @Test func googlesToolIsAskedAsTheGuideSays() async throws {
    try await with("xfs", megabytes: 512) { disk in
      let tools = try disk.standIn(
        "gcloud",
        """
        case "$*" in
          *describe*) echo 0 ;;
          *resize*) truncate -s 1G "$IMAGE" && losetup -c "$DEVICE" ;;
        esac
        """)
      let environment = tools.merging([
        "VOLUME_DRIVER": "gcePersistentDisk", "VOLUME_IDS": "node2=other goud-data", "VOLUME_ZONE": "europe-west1-b",
      ]) { $1 }
      let report: Report = try decode(try await disk.expand("1GB", environment: environment))
      #expect(report.deviceBytes == 1 << 30)
      #expect(
        try String(contentsOfFile: "\(disk.fixture.root)/asked", encoding: .utf8) == """
          gcloud compute disks describe goud-data --zone=europe-west1-b --format=value(sizeGb)
          gcloud compute disks resize goud-data --size=1GB --zone=europe-west1-b --quiet

          """)
      let seen = try await disk.fixture.goud("volume", "inspect", "node1", "--format", "json", environment: environment)
      #expect(seen.status == 13, "there is no database")
    }
  }

  @Test func whatTheProviderSaysIsSaid() async throws {
    try await with("xfs", megabytes: 320) { disk in
      let google = ["VOLUME_DRIVER": "gcePersistentDisk", "VOLUME_IDS": "goud-data"]
      let missing = try await disk.expand(
        "1GB", environment: google.merging(["PATH": disk.pathWithout("gcloud")]) { $1 })
      #expect(try missing.status == 10 && code(missing) == "volume.tool-missing")
      let unnamed = try await disk.expand("1GB", environment: ["VOLUME_DRIVER": "gcePersistentDisk"])
      #expect(try unnamed.status == 13 && code(unnamed) == "volume.not-expandable")
      var tools = try disk.standIn("gcloud", "echo ERROR: >&2; echo ' - Required permission missing' >&2; exit 1")
      let refused = try await disk.expand("1GB", environment: google.merging(tools) { $1 })
      #expect(refused.status == 1 && refused.errors.contains("Required permission missing"), "\(refused.errors)")
      #expect(refused.errors.contains("volume.provider-refused"))
      tools = try disk.standIn("gcloud", "exec sleep 600")
      let silent = try await disk.expand("1GB", "--wait", "1", environment: google.merging(tools) { $1 })
      #expect(silent.status == 14 && silent.errors.contains("volume.provider-timeout"), "\(silent.errors)")
      tools = try disk.standIn("gcloud", "echo 1")
      let unseen = try await disk.expand("1GB", "--wait", "1", environment: google.merging(tools) { $1 })
      #expect(unseen.status == 14 && unseen.errors.contains("waited for \(disk.device)"), "\(unseen.errors)")
      #expect(try FileSystem.room(at: disk.volume).total.bytes < 320 << 20, "nothing has grown")
    }
  }

  @Test func whatCannotBeGrownIsRefused() async throws {
    try await Fixture.with { fixture in
      let volume = try await fixture.makeVolume(operations: 10)
      let bind = "\(fixture.volumes)/memory"
      try FileManager.default.createDirectory(atPath: bind, withIntermediateDirectories: true)
      try #require(try await Programs.run("mount", ["-t", "tmpfs", "none", bind]).status == 0)
      let refused = try await fixture.goud("volume", "expand", "memory", "--size", "1GB", "--format", "json")
      #expect(try await Programs.run("umount", [bind]).status == 0)
      #expect(try refused.status == 13 && code(refused) == "volume.not-expandable")
      for size in ["100", "-5GB", "big"] {
        #expect(try await fixture.goud("volume", "expand", "./x=\(volume)", "--size=\(size)").status == 64)
      }
    }
  }

  @Test func whoIsNotRootIsToldSo() async throws {
    try await with { disk in
      chmod(disk.fixture.root, 0o755)
      let binary = "\(disk.fixture.root)/goud"
      try FileManager.default.copyItem(atPath: Programs.built("goud"), toPath: binary)
      func asNobody(_ further: String...) async throws -> Finished {
        try await Programs.run(
          "setpriv",
          ["--reuid", "65534", "--clear-groups", binary, "volume", "expand", "node1", "--size", "128MB", "--format"]
            + ["json"] + further, environment: ["GOUD_HOME": disk.fixture.home], in: disk.fixture.root)
      }
      let plan: Plan = try decode(try await asNobody("--dry-run"))
      #expect(plan.commands.count == 3)
      let refused = try await asNobody()
      #expect(try refused.status == 1 && code(refused) == "io.permission-denied")
    }
  }
}

/// A volume on a loop device of its own.
struct Disk: Sendable {
  let fixture: Fixture
  let volume: String
  let device: String
  let image: String

  func expand(_ size: String, _ further: String..., environment: [String: String] = [:]) async throws -> Finished {
    try await fixture.goud(
      ["volume", "expand", "node1", "--size", size, "--format", "json"] + further, environment: environment)
  }

  /// What a provider does behind the kernel's back.
  func enlarge(_ megabytes: Int) async throws {
    for (program, arguments) in [("truncate", ["-s", "\(megabytes)M", image]), ("losetup", ["-c", device])] {
      let finished = try await Programs.run(program, arguments)
      guard finished.status == 0 else { throw TestFailure("\(program): \(finished.errors)") }
    }
  }

  /// A program that writes down how it was called, in `asked`, before it does what `body` says.
  /// - Returns: the environment in which it comes first.
  func standIn(_ name: String, _ body: String) throws -> [String: String] {
    let directory = "\(fixture.root)/tools"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let script = "#!/bin/sh\nprintf '%s\\n' \"\(name) $*\" >>'\(fixture.root)/asked'\n\(body)\n"
    try AtomicFile.write(Array(script.utf8), to: "\(directory)/\(name)", mode: 0o755)
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    return ["PATH": "\(directory):\(path)", "IMAGE": image, "DEVICE": device]
  }

  /// The search path without the directories that have a program.
  func pathWithout(_ program: String) -> String {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    let own = "\(fixture.root)/system"
    try? FileManager.default.createDirectory(atPath: own, withIntermediateDirectories: true)
    for tool in ["xfs_growfs", "truncate", "losetup"] {
      let places: [String] = path.split(separator: ":").map { "\($0)/\(tool)" }
      let found = places.first { access($0, X_OK) == 0 }
      if let found { try? FileManager.default.createSymbolicLink(atPath: "\(own)/\(tool)", withDestinationPath: found) }
    }
    return own
  }
}
