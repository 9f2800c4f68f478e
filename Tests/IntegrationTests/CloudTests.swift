import Foundation
import GoudCore
import TestSupport
import Testing

/// Backups in buckets of real servers.
@Suite(.serialized) struct CloudTests {
  private struct Listed: Decodable {
    let path: String
    let state: String
    let verified: String?
  }

  /// A home with a volume, and a bucket.
  private struct Place: Sendable {
    let fixture: Fixture
    let location: String
    let environment: [String: String]
    let files: String

    func goud(_ arguments: String..., environment further: [String: String] = [:]) async throws -> Finished {
      try await fixture.goud(
        arguments + ["-c", location], environment: environment.merging(further) { $1 })
    }

    /// The names of the objects.
    func objects() throws -> [String] {
      let directory = "\(files)/backups"
      guard try FileSystem.status(directory) != nil else { return [] }
      return try FileSystem.names(in: directory).sorted()
    }

    func archive() throws -> String { try #require(try objects().first { $0.hasSuffix(".tar.gz") }) }

    func list() async throws -> [Listed] {
      let finished = try await goud("backup", "list", "--format", "json")
      try #require(finished.status == 0, "\(finished.errors)")
      return try JSONDecoder().decode([Listed].self, from: Data(finished.output.utf8))
    }

    func change(_ name: String, _ body: (inout Data) -> Void) throws {
      let url = URL(fileURLWithPath: "\(files)/backups/\(name)")
      var data = try Data(contentsOf: url)
      body(&data)
      try data.write(to: url)
    }
  }

  private func with(_ server: ObjectServer, _ body: @Sendable (Place) async throws -> Void) async throws {
    try await server.with { location, environment, files in
      try await Fixture.with { fixture in
        try await body(Place(fixture: fixture, location: location, environment: environment, files: files))
      }
    }
  }

  @Test(arguments: ObjectServer.allCases)
  func aBackupGoesStraightToTheBucketAndComesStraightBack(_ server: ObjectServer) async throws {
    try await with(server) { place in
      let volume = try await place.fixture.makeVolume()
      let made = try await place.goud("backup", "create")
      try #require(made.status == 0, "\(made.errors)")
      #expect(made.output.contains(place.location) && made.output.contains("read back"))
      #expect(try FileSystem.names(in: place.fixture.backups) == [], "no local copy")
      let archive = try place.archive()
      #expect(try place.objects() == [archive, "\(archive).sha256", "\(archive).verified.json"])
      let checked = try await Programs.run("sha256sum", ["-c", "\(archive).sha256"], in: "\(place.files)/backups")
      #expect(checked.status == 0, "\(checked.errors)")

      let listed = try await place.list()
      #expect(listed.map(\.path) == ["\(place.location)/\(archive)"])
      #expect(listed.map(\.state) == ["complete"] && listed.allSatisfy { $0.verified != nil })
      let verified = try await place.goud("backup", "verify", archive, "--level", "database")
      #expect(verified.status == 0, "\(verified.errors)")
      #expect(try await place.goud("backup", "inspect", archive).output.contains("node1_data"))

      try FileManager.default.removeItem(atPath: volume)
      let restored = try await place.goud("restore", archive, "--yes")
      #expect(restored.status == 0, "\(restored.errors)")
      #expect(try place.fixture.lastOperation(volume) == 2000)
      #expect(try String(contentsOfFile: "\(volume)/jwt_secret", encoding: .utf8) == "jwt_secret of node1_data")
    }
  }

  /// The guide's two commands with a bucket.
  @Test func theScriptsOfTheGuideGoThroughTheBucket() async throws {
    try await with(.gcs) { place in
      let volume = "\(place.fixture.home)/gcp/volumes/node1_data"
      let made = try await place.fixture.makeVolume(operations: 300)
      try FileManager.default.createDirectory(
        atPath: FileSystem.parent(of: volume), withIntermediateDirectories: true)
      try FileManager.default.moveItem(atPath: made, toPath: volume)
      func script(_ name: String, _ words: String...) async throws -> Finished {
        let own = [
          "GOUD_BINARY": Programs.built("goud"), "GOUD_HOME": place.fixture.home, "BACKUP_DIR": place.fixture.backups,
          "GOUD_CONFIG_DIR": Checkout.path("config"),
        ]
        return try await Programs.run(
          Checkout.path("scripts/\(name)"), words, environment: place.environment.merging(own) { $1 })
      }
      let up = try await script("backup-volumes.sh", "-e", "gcp", "-c", place.location)
      try #require(up.status == 0, "\(up.errors)")
      let archive = try place.archive()
      #expect(archive.hasPrefix("goud-chain-backup-gcp-"))
      try FileManager.default.removeItem(atPath: volume)
      let down = try await script("restore-volumes.sh", "--cloud", place.location, "--backup", archive, "--force")
      #expect(down.status == 0, "\(down.errors)")
      #expect(try place.fixture.lastOperation(volume) == 300)
    }
  }

  /// As in a directory: what is old goes once something newer is verified, and not before.
  @Test func whatIsOldInABucketIsPruned() async throws {
    try await with(.s3) { place in
      try await place.fixture.makeVolume(operations: 50)
      try #require(try await place.goud("backup", "create").status == 0)
      let newest = try place.archive()
      let directory = "\(place.files)/backups"
      // An older one, as its name says, and what a killed run has left.
      let old = "goud-chain-backup-local-20200102-030405.tar.gz"
      let script = """
        cd "$1" && cp "$2" "$3" && sha256sum "$3" >"$3.sha256" && cp "$2.sha256" \
          goud-chain-backup-local-20200101-000000.tar.gz.sha256
        """
      let copied = try await Programs.run("sh", ["-c", script, "sh", directory, newest, old])
      try #require(copied.status == 0, "\(copied.errors)")
      let shown = try await place.goud("backup", "prune", "--dry-run")
      #expect(shown.status == 0 && shown.output.contains("would delete"), "\(shown.output) \(shown.errors)")
      #expect(try place.objects().contains(old))
      let kept = [newest, "\(newest).sha256", "\(newest).verified.json"]
      let record = "\(directory)/\(newest).verified.json"
      let content = try Data(contentsOf: URL(fileURLWithPath: record))
      try FileManager.default.removeItem(atPath: record)
      let careful = try await place.goud("backup", "prune")
      #expect(careful.status == 0 && careful.output.contains("nothing newer"), "\(careful.output) \(careful.errors)")
      #expect(try place.objects().contains(old))
      try content.write(to: URL(fileURLWithPath: record))
      let pruned = try await place.goud("backup", "prune")
      #expect(pruned.status == 0 && pruned.output.contains("deleted"), "\(pruned.output) \(pruned.errors)")
      #expect(try place.objects() == kept)
    }
  }

  @Test func aDirectoryAndABucketGetTheSameArchive() async throws {
    try await with(.s3) { place in
      try await place.fixture.makeVolume(operations: 100)
      let made = try await place.goud("backup", "create", "-d", place.fixture.backups, "--bandwidth", "100M")
      try #require(made.status == 0, "\(made.errors)")
      let archive = try place.archive()
      let (local, remote) = ("\(place.fixture.backups)/\(archive)", "\(place.files)/backups/\(archive)")
      #expect(try Data(contentsOf: URL(fileURLWithPath: local)) == Data(contentsOf: URL(fileURLWithPath: remote)))
      #expect(try await place.fixture.goud("backup", "verify", local).status == 0)
    }
  }

  @Test(arguments: ["flipped", "cut", "without its checksum"])
  func anObjectThatWasAlteredIsNeverRestored(_ damage: String) async throws {
    try await with(.s3) { place in
      let volume = try await place.fixture.makeVolume(operations: 500)
      try #require(try await place.goud("backup", "create").status == 0)
      let archive = try place.archive()
      switch damage {
      case "flipped": try place.change(archive) { $0[$0.count / 2] ^= 1 }
      case "cut": try place.change(archive) { $0 = $0.prefix($0.count / 2) }
      default: try FileManager.default.removeItem(atPath: "\(place.files)/backups/\(archive).sha256")
      }
      let status: Int32 = damage == "without its checksum" ? 13 : 12
      let before = try await place.fixture.tree(volume)
      let restored = try await place.goud("restore", archive, "--yes")
      #expect(restored.status == status, "\(restored.errors)")
      #expect(try await place.fixture.tree(volume) == before)
      let verified = try await place.goud("backup", "verify", archive)
      #expect(verified.status == status, "\(verified.errors)")
      let states = try await place.list().map(\.state)
      // A small archive is one block: then not even its metadata can be read.
      let expected = status == 13 ? [["incomplete"]] : [["damaged"], ["unreadable"]]
      #expect(expected.contains(states), "\(states)")
    }
  }

  @Test func whatKeepsABucketFromBeingReachedIsSaidAndNothingIsLeft() async throws {
    try await with(.s3) { place in
      try await place.fixture.makeVolume(operations: 10)
      let elsewhere = place.environment.merging(["AWS_ENDPOINT_URL": "http://127.0.0.1:\(try FreePort.take())"]) { $1 }
      let strange = place.environment.merging(["AWS_SECRET_ACCESS_KEY": "wrong"]) { $1 }
      let cases: [(String, [String: String], Int32, String)] = [
        ("s3://goud-other/x", place.environment, 10, "blob.bucket-missing"),
        (place.location, strange, 13, "blob.access-denied"),
        (place.location, elsewhere, 14, "blob.unreachable"), ("s3://Not_A_Bucket", [:], 64, "usage.invalid"),
        ("ftp://server/x", [:], 64, "usage.invalid"),
      ]
      for (location, environment, status, code) in cases {
        for verb in [["backup", "create"], ["backup", "list"], ["restore", "name.tar.gz", "--yes"]] {
          let finished = try await place.fixture.goud(
            verb + ["--format", "json", "-c", location], environment: environment)
          #expect(finished.status == status && finished.errors.contains(code), "\(verb) \(code): \(finished.errors)")
        }
      }
      let missing = try await place.goud("restore", "name.tar.gz", "--yes", "--format", "json")
      #expect(missing.status == 10 && missing.errors.contains("archive.not-found"), "\(missing.errors)")
      #expect(try place.objects() == [])
      #expect(try FileSystem.names(in: place.fixture.backups) == [])
    }
  }

  /// At every step of the run. An archive without its checksum, or half of one, must not pass for a backup.
  @Test func aBackupKilledAnywhereLeavesAWholeObjectOrNone() async throws {
    try await with(.s3) { place in
      try await place.fixture.makeVolume(operations: 100)
      let log = "\(place.fixture.root)/steps"
      try #require(try await place.goud("backup", "create", environment: ["GOUD_KILL_LOG": log]).status == 0)
      let steps = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").map(String.init)
      try #require(steps.contains { $0.contains("object") }, "\(steps)")
      for step in 1...steps.count {
        for name in try place.objects() { try FileManager.default.removeItem(atPath: "\(place.files)/backups/\(name)") }
        let killed = try await place.goud("backup", "create", environment: ["GOUD_KILL_AT": "\(step)"])
        #expect(killed.status == 137, "\(steps[step - 1])")
        for backup in try await place.list() {
          let verified = try await place.goud("backup", "verify", FileSystem.name(of: backup.path))
          #expect(verified.status == 0, "\(steps[step - 1]): \(verified.errors)")
        }
        let again = try await place.goud("backup", "create")
        #expect(again.status == 0, "\(steps[step - 1]): \(again.errors)")
      }
    }
  }

  @Test func noSecretIsOnACommandLineInAnArchiveOrInAMessage() async throws {
    try await with(.s3) { place in
      let volume = try await place.fixture.makeVolume(operations: 100)
      let secret = try #require(place.environment["AWS_SECRET_ACCESS_KEY"])
      // At 100 KiB a second the upload is there to be looked at.
      try Data((0..<400_000).map { _ in UInt8.random(in: 0...255) }).write(to: URL(fileURLWithPath: "\(volume)/noise"))
      async let made = place.goud("backup", "create", "--no-verify", "--bandwidth", "100K")
      try await waitUntil("rclone to be at it") { try Self.commandLines().contains { $0.contains("rclone rcd") } }
      let lines = try Self.commandLines().filter { !$0.contains("serve s3") }
      #expect(!lines.contains { $0.contains(secret) })
      let finished = try await made
      #expect(finished.status == 0 && !"\(finished.output)\(finished.errors)".contains(secret), "\(finished.errors)")
      let inspected = try await place.goud("backup", "inspect", try place.archive(), "--format", "json")
      #expect(inspected.status == 0 && !inspected.output.contains(secret))
    }
  }

  private static func commandLines() throws -> [String] {
    try FileSystem.names(in: "/proc").filter { $0.first?.isNumber == true }.compactMap {
      (try? Descriptor.open("/proc/\($0)/cmdline", O_RDONLY).readAll(limit: 1 << 20))
        .map { String(decoding: $0, as: UTF8.self).replacingOccurrences(of: "\0", with: " ") }
    }
  }
}
