import Foundation
import GoudCore
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// Where a backup may go, and where it may not: real file systems, and what others refuse, injected.
@Suite(.serialized) struct DestinationTests {
  // MARK: In a volume

  @Test(arguments: ["plain", "missing", "link", "dotted", "root"])
  func aDirectoryInAVolumeIsRefusedBeforeAnythingIsMade(_ spelling: String) async throws {
    try await Fixture.with { fixture in
      let volume = try await fixture.makeVolume(operations: 100)
      let other = try await fixture.makeVolume("node2_data", operations: 100)
      #expect(mkdir("\(other)/sub", 0o755) == 0)
      #expect(symlink("\(other)/sub", "\(fixture.root)/link") == 0)
      let directory =
        switch spelling {
        case "missing": "\(other)/a/b"
        case "link": "\(fixture.root)/link/backups"
        case "dotted": "\(volume)/../node2_data/./backups"
        case "root": other
        default: "\(other)/backups"
        }
      let before = try await fixture.tree(fixture.volumes)
      for option in ["-d", "-c"] {
        let result = try await fixture.goud("backup", "create", option, directory, "--format", "json")
        #expect(result.status == 13 && result.errors.contains("backup.inside-volume"), "\(result.errors)")
        #expect(result.errors.contains("node2_data"), "\(result.errors)")
      }
      #expect(try await fixture.tree(fixture.volumes) == before)
    }
  }

  @Test func aBindMountOfAPlaceInAVolumeIsInTheVolume() async throws {
    try await Fixture.with { fixture in
      let volume = try await fixture.makeVolume(operations: 100)
      let before = try await fixture.tree(fixture.volumes)
      try await Mounts.bind("\(volume)/sub", at: "\(fixture.root)/bound") { bound in
        let result = try await fixture.goud("backup", "create", "-d", "\(bound)/backups")
        #expect(result.status == 13, "\(result.errors)")
        #expect(try FileSystem.names(in: bound).isEmpty)
      }
      #expect(rmdir("\(volume)/sub") == 0)
      #expect(try await fixture.tree(fixture.volumes) == before)
    }
  }

  @Test func aVolumeInTheDirectoryOfBackupsIsWell() async throws {
    try await Fixture.with { fixture in
      try await fixture.makeVolume(operations: 100)
      let result = try await fixture.goud("backup", "create", "-d", fixture.home)
      #expect(result.status == 0, "\(result.errors)")
    }
  }

  @Test func theDirectoryIsMadeForItsOwnerAlone() async throws {
    try await Fixture.with { fixture in
      try await fixture.makeVolume(operations: 100)
      let result = try await fixture.goud("backup", "create", "-d", "\(fixture.root)/made/bk")
      #expect(result.status == 0, "\(result.errors)")
      #expect(try FileSystem.status("\(fixture.root)/made/bk")?.st_mode == S_IFDIR | 0o700)
      #expect(chmod(fixture.backups, 0o755) == 0)
      _ = try await fixture.backUp()
      #expect(try FileSystem.status(fixture.backups)?.st_mode == S_IFDIR | 0o755)
    }
  }

  // MARK: File systems

  /// Backup, verification, list, restore to it and rollback on it.
  private func everythingWorks(_ fixture: Fixture, at place: String, root: Bool = true) async throws {
    try await fixture.makeVolume(operations: 300)
    let made = try await fixture.goud("backup", "create", "-d", "\(place)/bk", "--format", "json")
    #expect(made.status == 0, "\(made.errors)")
    let archive = try #require(
      try FileSystem.names(in: "\(place)/bk").first { $0.hasSuffix(".tar.gz") && !$0.hasPrefix(".") })
    #expect(try FileSystem.names(in: "\(place)/bk").allSatisfy { !$0.hasPrefix(".") })
    for level in ["checksums", "database"] {
      let verified = try await fixture.goud("backup", "verify", "\(place)/bk/\(archive)", "--level", level)
      #expect(verified.status == 0, "\(verified.errors)")
    }
    let list = try await fixture.goud("backup", "list", environment: ["BACKUP_DIR": "\(place)/bk"])
    #expect(list.status == 0 && list.output.contains(archive), "\(list.errors)")
    for _ in 0..<2 {
      let restored = try await fixture.goud("restore", "\(place)/bk/\(archive)", "--to", "\(place)/node1_data", "--yes")
      #expect(restored.status == 0, "\(restored.errors)")
    }
    #expect(try fixture.lastOperation("\(place)/node1_data") == 300)
    let back = try await fixture.goud("restore", "--rollback", "\(place)/node1_data", "--yes")
    #expect(back.status == 0, "\(back.errors)")
    #expect(try fixture.lastOperation("\(place)/node1_data") == 300)
  }

  @Test(arguments: ["tmpfs", "overlay", "ext4", "xfs", "btrfs", "fuse.bindfs"])
  func everythingWorksOn(_ kind: String) async throws {
    try await Fixture.with { fixture in
      try await Mounts.kind(kind, at: "\(fixture.root)/place") { try await everythingWorks(fixture, at: $0) }
    }
  }

  /// Neither links nor modes nor flags of a rename.
  @Test func aBackupWorksOnExFAT() async throws {
    try await Fixture.with { fixture in
      try await fixture.makeVolume(operations: 300)
      try await Mounts.exFAT(megabytes: 64, at: "\(fixture.root)/place") { place in
        for _ in 0..<2 {
          let made = try await fixture.goud("backup", "create", "-d", "\(place)/bk")
          #expect(made.status == 0, "\(made.errors)")
        }
        let archives = try FileSystem.names(in: "\(place)/bk").filter { $0.hasSuffix(".tar.gz") }
        #expect(archives.count == 2)
        #expect(try FileSystem.names(in: "\(place)/bk").allSatisfy { !$0.hasPrefix(".") })
        let verified = try await fixture.goud("backup", "verify", "\(place)/bk/\(archives[0])", "--level", "database")
        #expect(verified.status == 0, "\(verified.errors)")
        let restored = try await fixture.goud("restore", "\(place)/bk/\(archives[0])", "--yes")
        #expect(restored.status == 0, "\(restored.errors)")
      }
    }
  }

  /// What some file system refuses, refused everywhere.
  @Test(arguments: [
    "renameat2:error=EINVAL", "renameat2:error=ENOSYS", "symlink,symlinkat:error=EPERM", "fchmod:error=EPERM",
    "flock:error=ENOLCK", "flock:error=EOPNOTSUPP", "fallocate:error=EOPNOTSUPP", "sync_file_range:error=EINVAL",
    "copy_file_range:error=EXDEV", "linkat:error=EPERM",
  ])
  func aCallThatAFileSystemRefusesHasAWayAround(_ injection: String) async throws {
    try await Fixture.with { fixture in
      try await fixture.makeVolume(operations: 300)
      let made = try await injecting([injection], fixture, ["backup", "create"])
      #expect(made.status == 0, "\(made.errors)")
      let archive = try #require(try FileSystem.names(in: fixture.backups).first { $0.hasSuffix(".tar.gz") })
      #expect(try await fixture.goud("backup", "verify", archive).status == 0)
      guard !injection.hasPrefix("flock") else { return }
      let place = "\(fixture.root)/restored"
      let restored = try await injecting([injection], fixture, ["restore", archive, "--to", place, "--yes"])
      #expect(restored.status == 0, "\(restored.errors)")
      #expect(try fixture.lastOperation(place) == 300)
    }
  }

  /// Without a rename that keeps from replacing, and without second names.
  @Test func nothingIsReplacedOnAFileSystemWithoutBoth() async throws {
    try await Fixture.with { fixture in
      try await fixture.makeVolume(operations: 100)
      let without = ["renameat2:error=EINVAL", "linkat:error=EPERM"]
      for _ in 0..<2 {
        let made = try await injecting(without, fixture, ["backup", "create", "--compression", "none"])
        #expect(made.status == 0, "\(made.errors)")
      }
      let archives = try FileSystem.names(in: fixture.backups).filter { $0.hasSuffix(".tar") }
      #expect(archives.count == 2, "\(archives)")
      for archive in archives { #expect(try await fixture.goud("backup", "verify", archive).status == 0) }
    }
  }

  private func injecting(_ injections: [String], _ fixture: Fixture, _ arguments: [String]) async throws -> Finished {
    let calls = injections.map { $0.split(separator: ":")[0] }.joined(separator: ",")
    // Runs beside it have locks, and would take what this one cannot lock for left.
    let place = "\(fixture.root)/private"
    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    return try await Programs.run(
      "strace",
      ["-f", "-qq", "-o", "/dev/null", "-e", "trace=\(calls)"] + injections.flatMap { ["-e", "inject=\($0)"] }
        + [Programs.built("goud")] + arguments,
      environment: fixture.surroundings.merging(["TMPDIR": place]) { $1 }, in: fixture.root)
  }

  @Test func aNameThatIsNotUTF8IsSomebodyElses() async throws {
    try await Fixture.with { fixture in
      try await fixture.makeVolume(operations: 100)
      let made = try await Programs.run(
        "sh", ["-c", #"touch "$(printf '%s/caf\351.tar.gz' "$1")""#, "sh", fixture.backups])
      try #require(made.status == 0)
      let archive = try await fixture.backUp()
      for arguments in [
        ["backup", "verify", archive], ["backup", "list"], ["backup", "prune", "--dry-run"], ["volume", "check"],
      ] {
        let result = try await fixture.goud(arguments)
        #expect(![1, 134].contains(result.status), "\(arguments): \(result.errors)")
      }
    }
  }

  // MARK: Scratch

  @Test func rootIsLedNowhereByANameInASharedDirectory() async throws {
    try await Fixture.with { fixture in
      let volume = try await fixture.makeVolume(operations: 100)
      let shared = "\(fixture.root)/tmp"
      let victim = "\(fixture.root)/victim"
      for directory in [shared, victim] { #expect(mkdir(directory, 0o755) == 0) }
      #expect(chmod(shared, 0o1777) == 0)
      try Data().write(to: URL(fileURLWithPath: "\(victim)/precious"))
      let link = "\(shared)/.goud-view-2147483647-x"
      #expect(symlink(victim, link) == 0 && lchown(link, 65534, 65534) == 0)
      let inspected = try await fixture.goud("volume", "inspect", volume, environment: ["TMPDIR": shared])
      #expect(inspected.status == 0, "\(inspected.errors)")
      #expect(try FileSystem.names(in: victim) == ["precious"])
      #expect(try FileSystem.status(link)?.isLink == true)
      for hostile in ["\(fixture.root)/none", "/proc"] {
        let result = try await fixture.goud("volume", "inspect", volume, environment: ["TMPDIR": hostile])
        #expect(result.status == 0, "\(hostile): \(result.errors)")
      }
    }
  }
}
