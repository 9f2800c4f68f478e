import Foundation
import GoudCore
import TestSupport
import Testing

/// SIGKILL after every step, enumerated: the first run lists the steps it passed, then one run for each ends there.
@Suite(.serialized) struct KillTests {
  /// The steps that a run passes.
  private func steps(_ fixture: Fixture, _ arguments: [String]) async throws -> [String] {
    let log = "\(fixture.root)/steps"
    let finished = try await fixture.goud(arguments, environment: ["GOUD_KILL_LOG": log])
    try #require(finished.status == 0, "\(finished.errors)")
    return try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").map(String.init)
  }

  /// `backup create`, signed, and what trusts it.
  private func signed(_ fixture: Fixture) async throws -> (create: [String], trust: [String]) {
    let key = "\(fixture.root)/validator_key"
    try AtomicFile.write(Array(String(repeating: "5c", count: 32).utf8), to: key)
    let shown = try await fixture.goud("secrets", "public", key)
    try #require(shown.status == 0, "\(shown.errors)")
    try AtomicFile.write(Array(shown.output.utf8), to: "\(key).pub")
    return (["backup", "create", "--sign", key], ["--trust", "\(key).pub"])
  }

  @Test func aBackupKilledAnywhereLeavesAWholeArchiveOrNone() async throws {
    let names = try await Fixture.with { fixture in
      try await fixture.makeVolume()
      return try await steps(fixture, try await signed(fixture).create)
    }
    try #require(names.count >= 4 && names.contains("archive.signature-published"), "\(names)")
    for step in 1...names.count {
      try await Fixture.with { fixture in
        let volume = try await fixture.makeVolume()
        let before = try await fixture.tree(volume)
        let (create, trust) = try await signed(fixture)
        let killed = try await fixture.goud(create, environment: ["GOUD_KILL_AT": "\(step)"])
        #expect(killed.status == 137, "\(names[step - 1])")
        #expect(try await fixture.tree(volume) == before, "\(names[step - 1])")
        // What has an archive's name is whole and signed; a new backup works at once and clears up.
        for name in try FileSystem.names(in: fixture.backups) where name.hasSuffix(".tar.gz") && !name.hasPrefix(".") {
          let verified = try await fixture.goud(["backup", "verify", "\(fixture.backups)/\(name)"] + trust)
          #expect(verified.status == 0, "\(names[step - 1]): \(verified.errors)")
        }
        let archive = try await fixture.backUp()
        #expect(try await fixture.goud("backup", "verify", archive).status == 0)
        let left = try FileSystem.names(in: fixture.backups).filter { $0.hasPrefix(".") }
        #expect(left.isEmpty, "\(names[step - 1]) left \(left)")
      }
    }
  }

  @Test func aRestoreKilledAnywhereLeavesTheOldVolumesOrTheNew() async throws {
    try await Fixture.with { fixture in
      let volumes = try await ["node1_data", "node2_data"].asyncMap {
        try await fixture.makeVolume($0, operations: 500)
      }
      let archive = try await fixture.backUp()
      for volume in volumes { try FileManager.default.removeItem(atPath: volume) }
      for name in ["node1_data", "node2_data"] { try await fixture.makeVolume(name, operations: 900) }
      let arguments = ["restore", archive, "--yes", "--replace-foreign"]
      let pristine = "\(fixture.root)/pristine"
      try await copy(fixture.volumes, to: pristine)
      let names = try await steps(fixture, arguments)
      try #require(names.count >= 6, "\(names)")
      for step in 1...names.count {
        try await copy(pristine, to: fixture.volumes)
        let killed = try await fixture.goud(arguments, environment: ["GOUD_KILL_AT": "\(step)"])
        #expect(killed.status == 137, "\(names[step - 1])")
        for volume in volumes {
          #expect([500, 900].contains(try fixture.lastOperation(volume)), "\(names[step - 1]): \(volume)")
        }
        let again = try await fixture.goud(arguments)
        #expect(again.status == 0, "\(names[step - 1]): \(again.errors)")
        for volume in volumes { #expect(try fixture.lastOperation(volume) == 500, "\(names[step - 1])") }
        let left = try FileSystem.names(in: fixture.volumes).filter { $0.contains(".restore-") }
        #expect(left.isEmpty, "\(names[step - 1]) left \(left)")
      }
    }
  }

  /// Where the file system cannot exchange, a volume may be missing for a moment; never after the next run.
  @Test(arguments: [(rollback: false, exchange: false), (true, true), (true, false)])
  func aSwapKilledAnywhereIsSettledByTheNextRun(rollback: Bool, exchange: Bool) async throws {
    let environment = exchange ? [:] : ["GOUD_NO_EXCHANGE": "1"]
    let expected: UInt64 = rollback ? 500 : 300
    try await Fixture.with { fixture in
      let nodes = ["node1_data", "node2_data"]
      for name in nodes { try await fixture.makeVolume(name, operations: 300) }
      let archive = try await fixture.backUp()
      for name in nodes {
        try await writeDatabase("\(fixture.volumes)/\(name)/rocksdb", operations: 500)
        try FileManager.default.removeItem(atPath: "\(fixture.volumes)/\(name)/rocksdb.oracle")
      }
      if rollback {
        let first = try await fixture.goud("restore", archive, "--yes", "--replace-foreign")
        try #require(first.status == 0, "\(first.errors)")
      }
      let arguments = ["restore", rollback ? "--rollback" : archive, "--yes"]
      let pristine = "\(fixture.root)/pristine"
      try await copy(fixture.volumes, to: pristine)
      let log = "\(fixture.root)/steps"
      let whole = try await fixture.goud(arguments, environment: environment.merging(["GOUD_KILL_LOG": log]) { $1 })
      try #require(whole.status == 0, "\(whole.errors)")
      let names = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n")
      try #require(names.count >= 8, "\(names)")
      for step in 1...names.count {
        try await copy(pristine, to: fixture.volumes)
        let killed = try await fixture.goud(
          arguments, environment: environment.merging(["GOUD_KILL_AT": "\(step)"]) { $1 })
        #expect(killed.status == 137, "\(names[step - 1])")
        var present: Set<UInt64> = []
        for name in nodes where FileManager.default.fileExists(atPath: "\(fixture.volumes)/\(name)") {
          present.insert(try fixture.lastOperation("\(fixture.volumes)/\(name)"))
        }
        #expect(present.isSubset(of: [300, 500]), "\(names[step - 1])")
        // The next run is for one of the volumes only, and settles both.
        let next = try await fixture.goud(
          ["restore", archive, "--volume", "node1_data", "--yes"], environment: environment)
        #expect(next.status == 0, "\(names[step - 1]): \(next.errors)")
        #expect(try fixture.lastOperation("\(fixture.volumes)/node1_data") == 300)
        let second = try fixture.lastOperation("\(fixture.volumes)/node2_data")
        let swapped = next.output.contains("finished ") || step > names.lastIndex(of: "restore.exchanged")!
        #expect(second == (swapped ? expected : 800 - expected), "\(names[step - 1]): \(next.output)")
        let left = try FileSystem.names(in: fixture.volumes).filter {
          $0.contains(".restore-") || $0.contains(".swapping-")
        }
        #expect(left.isEmpty, "\(names[step - 1]) left \(left)")
      }
    }
  }

  /// One volume is a mount point, and its database the root itself or a directory; the other one is a directory. Killed at
  /// every step, both are the old ones or the new ones after the next run, and nothing of both was to be opened before.
  @Test(arguments: [(rollback: false, database: "rocksdb"), (true, "rocksdb"), (false, "."), (true, ".")])
  func aSwapInsideAMountKilledAnywhereIsSettledByTheNextRun(rollback: Bool, database: String) async throws {
    try await Fixture.with { fixture in
      let nodes = ["node1_data", "node2_data"]
      func directory(_ name: String) -> String {
        "\(fixture.volumes)/\(name)" + (database == "." ? "" : "/\(database)")
      }
      try await Mounts.bind("\(fixture.root)/disk", at: "\(fixture.volumes)/node1_data") { mount in
        for name in nodes {
          let parent = FileSystem.parent(of: directory(name))
          try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
          try await writeDatabase(directory(name), operations: 300)
          try Data("300".utf8).write(to: URL(fileURLWithPath: "\(fixture.volumes)/\(name)/side"))
        }
        let archive = try await fixture.backUp()
        for name in nodes {
          try await writeDatabase(directory(name), operations: 500)
          try Data("500".utf8).write(to: URL(fileURLWithPath: "\(fixture.volumes)/\(name)/side"))
        }
        if rollback {
          let first = try await fixture.goud("restore", archive, "--yes", "--replace-foreign")
          try #require(first.status == 0, "\(first.errors)")
        }
        let arguments = ["restore", rollback ? "--rollback" : archive, "--yes"]
        let pristine = "\(fixture.root)/pristine"
        try await copy(fixture.volumes, to: pristine)
        let names = try await steps(fixture, arguments)
        try #require(names.contains("restore.moved-in") && names.contains("restore.exchange-noted"), "\(names)")
        for step in 1...names.count {
          let label = "\(step) \(names[step - 1])"
          try await refill(pristine, fixture.volumes, mount)
          let killed = try await fixture.goud(arguments, environment: ["GOUD_KILL_AT": "\(step)"])
          #expect(killed.status == 137, "\(label)")
          for name in nodes {
            let volume = "\(fixture.volumes)/\(name)"
            // RocksDB makes the directory that it is to open.
            guard FileManager.default.fileExists(atPath: "\(directory(name))/CURRENT"),
              let last = try? fixture.lastOperation(volume, database: database)
            else { continue }
            #expect(try String(contentsOfFile: "\(volume)/side", encoding: .utf8) == "\(last)", "a mix: \(label)")
          }
          let next = try await fixture.goud("restore", "--settle")
          #expect(next.status == 0, "\(label): \(next.errors)")
          let present = try nodes.map { name in
            let last = try fixture.lastOperation("\(fixture.volumes)/\(name)", database: database)
            #expect(
              try String(contentsOfFile: "\(fixture.volumes)/\(name)/side", encoding: .utf8) == "\(last)", "\(label)")
            return last
          }
          #expect(Set(present).count == 1 && [300, 500].contains(present[0]), "\(label): \(present)")
          let left = try (FileSystem.names(in: fixture.volumes) + FileSystem.names(in: mount)).filter {
            $0.contains("restore-") || $0.contains("swapping-") || $0.contains("discarded-")
              || $0 == ".goud-restore.json"
          }
          #expect(left.isEmpty, "\(label) left \(left)")
        }
      }
    }
  }

  /// Puts the volumes back as they were, without unmounting the one that is a mount point.
  private func refill(_ pristine: String, _ volumes: String, _ mount: String) async throws {
    let script = """
      find "$2" -mindepth 1 -maxdepth 1 ! -path "$3" -exec rm -rf {} + && find "$3" -mindepth 1 -delete &&
      cp -a "$1/." "$2"
      """
    try #require(try await Programs.run("sh", ["-c", script, "refill", pristine, volumes, mount]).status == 0)
  }

  private func copy(_ source: String, to target: String) async throws {
    _ = try await Programs.run("rm", ["-rf", target])
    try #require(try await Programs.run("cp", ["-a", source, target]).status == 0)
  }
}

extension Array {
  fileprivate func asyncMap<Result>(_ transform: (Element) async throws -> Result) async throws -> [Result] {
    var results: [Result] = []
    for element in self { results.append(try await transform(element)) }
    return results
  }
}
