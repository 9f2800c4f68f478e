import Foundation
import GoudCore
import TestSupport
import Testing

/// A network whose volumes are followed into a repository, and the end of its site.
@Suite(.serialized) struct NetworkRepositoryTests {
  private struct Status: Decodable {
    let safe: Double?
    let pieces: Int
    let commits: Int
  }

  private func status(_ network: NetworkFixture) throws -> Status? {
    let path = "\(network.fixture.home)/local/watch.json"
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    return try? JSONDecoder().decode(Status.self, from: Data(contentsOf: URL(filePath: path)))
  }

  /// Everything but the repository is gone a moment after the last acknowledged write, and that write is there.
  @Test func whatWasAcknowledgedBeforeTheLastTickOutlivesTheSite() async throws {
    try await NetworkFixture.with { network in
      let root = network.fixture.root
      let place = ["--repo", "\(root)/repository", "--password-file", "\(root)/password"]
      try AtomicFile.write(Array("of this test".utf8), to: "\(root)/password")
      #expect(try await network.fixture.goud(["repo", "init"] + place, environment: network.environment).status == 0)
      try await network.underLoad(seconds: 2)
      let log = "\(root)/watch.log"
      let words = ["backup", "watch", "--every", "200ms", "--commit", "5s"] + place
      try await Programs.running(
        "/bin/sh",
        ["-c", "exec env \"$@\" >'\(log)' 2>&1", "sh"]
          + network.environment.merging(network.fixture.surroundings) { one, _ in one }.map { "\($0.key)=\($0.value)" }
          + [Programs.built("goud")] + words
      ) { watch in
        try await TestSupport.waitUntil("the first commit") { try status(network)?.commits ?? 0 > 0 }
        try await network.underLoad(seconds: 8)
        let over = Date().timeIntervalSince1970 * 1000
        try await TestSupport.waitUntil("a tick behind the load") { try status(network)?.safe ?? 0 > over }
        for process in try await network.processes() where process != watch.pid { kill(process, SIGKILL) }
        watch.send(SIGKILL)
      }
      let said = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
      let last = try #require(try status(network))
      #expect(last.commits > 1, "\(said)")
      _ = try await network.goud("network", "stop")
      try FileManager.default.removeItem(atPath: network.fixture.home)
      let restored = try await network.fixture.goud(
        ["restore", "latest", "--yes"] + place, environment: network.environment)
      #expect(restored.status == 0, "\(restored.errors) \(said)")
      // A backup that came behind the last write has no tail.
      #expect(restored.errors.contains("of its tail") || last.pieces == 0, "\(restored.errors) \(said)")
      try await network.start()
      try await network.nothingIsLost()
      // The watch may have been killed while it made a backup: its lock is nobody's.
      #expect(try await network.fixture.goud(["repo", "unlock"] + place, environment: network.environment).status == 0)
      let complaints = try await Restic.judge("\(root)/repository", password: "of this test")
      #expect(complaints.isEmpty, "\(complaints)")
    }
  }

  /// The manager starts it, starts it again when it is killed, says how it does, and ends it with the network.
  @Test func theManagerFollowsTheVolumesWhereItIsToldTo() async throws {
    try await withTemporaryDirectory { root in
      let settings = [
        "BACKUP_CONTINUOUS": "true", "BACKUP_EVERY": "200ms", "BACKUP_COMMIT": "5s", "REPOSITORY": "\(root)/repository",
        "GOUD_PASSWORD_FILE": "\(root)/password", "BACKUP_ENABLED": "true",
      ]
      try AtomicFile.write(Array("of this test".utf8), to: "\(root)/password")
      try await NetworkFixture.with(started: false, settings: settings) { network in
        #expect(try await network.goud("repo", "init").status == 0)
        try await network.start()
        try await TestSupport.waitUntil("the first commit") { try status(network)?.commits ?? 0 > 0 }
        let first = try #require(try watcher(network))
        kill(first, SIGKILL)
        try await TestSupport.waitUntil("another watch") {
          let now = try watcher(network)
          return now != nil && now != first
        }
        try await TestSupport.waitUntil("its first commit") { try status(network)?.commits ?? 0 > 0 }
        let metrics = try await network.get("\(network.manager)/api/metrics/prometheus").body
        #expect(metrics.contains("goud_watch_data_at_risk_seconds "), "\(metrics)")
        #expect(metrics.contains("goud_watch_data_at_risk_blocks "), "\(metrics)")
        let checked = try await network.goud("volume", "check", "--format", "json")
        #expect(checked.output.contains("data-at-risk") && checked.output.contains(" block"), "\(checked.output)")
        // Nobody has run a backup, and the watch's are as good.
        #expect(!checked.output.contains("no backup in"), "\(checked.output)")
        #expect(metrics.contains("goud_watch_last_backup_timestamp_seconds "), "\(metrics)")
        let shown = try await network.goud("network", "status", "--format", "json")
        #expect(shown.output.contains("\"blocksAtRisk\" : "), "\(shown.output)")
        let second = try #require(try watcher(network))
        #expect(try await network.goud("network", "stop").status == 0)
        try await TestSupport.waitUntil("its end") { kill(second, 0) != 0 }
      }
      let without = try await Fixture.with { fixture in
        try await fixture.goud("network", "start", environment: ["BACKUP_CONTINUOUS": "true"])
      }
      #expect(without.status == 1 && without.errors.contains("REPOSITORY"), "\(without.errors)")
    }
  }

  /// nil: it does not run.
  private func watcher(_ network: NetworkFixture) throws -> pid_t? {
    let data = try Data(contentsOf: URL(filePath: "\(network.fixture.home)/local/watch.json"))
    struct Process: Decodable { let process: pid_t }
    let pid = try JSONDecoder().decode(Process.self, from: data).process
    return kill(pid, 0) == 0 ? pid : nil
  }
}
