import Foundation
import TestSupport
import Testing

/// Backups give way to the nodes (docs/decisions/0008). These tests have the processors for themselves, as those of live
/// networks do: a backup that other tests keep from working need not rest.
@Suite(.serialized) struct PaceTests {
  /// Backs up a volume while every processor is kept busy by what gives way to anything else, so that nothing but its own
  /// pace can slow goud down.
  private func backUpOnABusyMachine(_ fixture: Fixture, _ arguments: String...) async throws -> (
    finished: Finished, wall: Double, processors: Double
  ) {
    let volume = try await fixture.makeVolume()
    let script = """
      head -c 32M /dev/urandom >"$0/large" || exit
      trap 'kill $(jobs -p)' EXIT
      for i in $(seq $(nproc)); do chrt --idle 0 timeout 600 sh -c 'while :; do :; done' & done
      TIMEFORMAT='%R %U %S'
      time "$@"
      """
    let finished = try await Programs.run(
      "/bin/bash",
      ["-c", script, volume, Programs.built("goud"), "backup", "create", "--progress", "none"] + arguments,
      environment: ["GOUD_HOME": fixture.home, "BACKUP_DIR": fixture.backups, "BACKUP_NICE": "19"],
      in: fixture.root)
    try #require(finished.status == 0, "\(finished.errors)")
    let times = finished.errors.split(whereSeparator: \.isWhitespace).suffix(3).compactMap { Double($0) }
    try #require(times.count == 3, "\(finished.errors)")
    return (finished, times[0], times[1] + times[2])
  }

  @Test func onABusyMachineABackupTakesASmallShare() async throws {
    try await Fixture.with { fixture in
      let backup = try await backUpOnABusyMachine(fixture)
      #expect(backup.finished.output.contains(/rested [0-9.]+ s of that/), "\(backup.finished.output)")
      // Before the work itself, a tenth of a second goes into starting. 1.4 % of the processors are due.
      #expect(backup.wall > 4 * (backup.processors - 0.1), "\(backup)")
    }
  }

  /// A sealed archive is written through a pipe, and the rests fall into its writes.
  @Test func aSealedBackupThatRestedIsWhole() async throws {
    try await Fixture.with { fixture in
      let keys = try await AgeKeys(in: fixture.root, "own")
      let backup = try await backUpOnABusyMachine(fixture, "--recipient", keys.recipient)
      #expect(backup.finished.output.contains(/rested [0-9.]+ s of that/), "\(backup.finished.output)")
      let archive = try #require(backup.finished.output.split(separator: "\n").first.map(String.init))
      let verified = try await fixture.goud(
        "backup", "verify", archive, "--identity", keys.identity, "--level", "database")
      #expect(verified.status == 0, "\(verified.errors)")
    }
  }

  /// What a watch does in a tick is short and has its second, however busy the machine is; its commits give way.
  @Test func commitsOfAWatchGiveWayAndItsTicksDoNot() async throws {
    try await RepositoryFixture.with { repository in
      try await repository.fixture.makeVolume(operations: 5000)
      var environment = repository.fixture.surroundings.merging(repository.environment) { $1 }
      environment["BACKUP_NICE"] = "7"
      let program = [Programs.built("goud"), "backup", "watch", "--commit", "1s", "--repo", repository.place]
      let words = environment.map { "\($0.key)=\($0.value)" } + program
      try await Programs.running("/usr/bin/env", words) { watch in
        var ticks: Set<Int> = []
        try await waitUntil("a commit that gives way") {
          let threads = try Self.threads(of: Int(watch.pid))
          ticks.formUnion(threads.filter { $0.id == Int(watch.pid) && $0.name == "goud" }.map(\.nice))
          return threads.contains { $0.id != Int(watch.pid) && $0.nice == 7 }
        }
        #expect(ticks == [0])
        watch.send(SIGINT)
      }
    }
  }

  /// Name and nice value of each thread (proc_pid_stat(5)).
  private static func threads(of process: Int) throws -> [(id: Int, name: String, nice: Int)] {
    let directory = "/proc/\(process)/task"
    return try FileManager.default.contentsOfDirectory(atPath: directory).compactMap { id in
      // It may have ended meanwhile.
      guard let line = try? String(contentsOfFile: "\(directory)/\(id)/stat", encoding: .utf8),
        let open = line.firstIndex(of: "("), let close = line.lastIndex(of: ")")
      else { return nil }
      let fields = line[close...].split(separator: " ").dropFirst()
      guard fields.count > 16, let id = Int(id), let nice = Int(fields[fields.startIndex + 16]) else { return nil }
      return (id, String(line[line.index(after: open)..<close]), nice)
    }
  }
}
