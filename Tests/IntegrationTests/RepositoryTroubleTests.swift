import Foundation
import GoudCore
import TestSupport
import Testing
import WriterOracle

/// A bucket that answers late, twice, half, with 429 and 500, or not at all: every seventh request meets one of it, in turns.
@Suite(.serialized) struct RepositoryTroubleTests {
  private static let troubles: [ConditionalProxy.Trouble] = [
    .twice, .answered(500), .half, .answered(429), .lost, .late,
  ]

  /// One repository, straight and through the trouble, and the directory in which it lies.
  private func with(
    every: Int, _ troubles: [ConditionalProxy.Trouble],
    _ body:
      @escaping @Sendable (_ straight: RepositoryFixture, _ troubled: RepositoryFixture, _ files: String) async throws
      -> Void
  ) async throws {
    try await RepositoryFixture.with { home in
      try await ObjectServer.s3.with { location, environment, files in
        let target = try #require(Int(environment["AWS_ENDPOINT_URL"]?.split(separator: ":").last ?? ""))
        @Sendable func fixture(_ port: Int) -> RepositoryFixture {
          RepositoryFixture(
            fixture: home.fixture, place: location,
            variables: environment.merging(["AWS_ENDPOINT_URL": "http://127.0.0.1:\(port)"]) { $1 })
        }
        try await ConditionalProxy.with(to: target, files: files) { straight in
          try await ConditionalProxy.with(to: target, files: files, every: every, troubles: troubles) { troubled in
            try await body(fixture(straight.port), fixture(troubled.port), "\(files)/backups")
          }
        }
      }
    }
  }

  private struct Status: Decodable {
    let safe: Double?
    let commits: Int
    let pieces: Int
  }

  private func status(_ repository: RepositoryFixture) -> Status? {
    let file = URL(filePath: "\(repository.fixture.home)/local/watch.json")
    return (try? Data(contentsOf: file)).flatMap { try? JSONDecoder().decode(Status.self, from: $0) }
  }

  @Test func nothingIsReportedThatIsNotThereAndTheNextRunGoesOn() async throws {
    try await with(every: 7, Self.troubles) { straight, troubled, files in
      let fixture = straight.fixture
      let volume = "\(fixture.volumes)/node1_data"
      try FileManager.default.createDirectory(atPath: volume, withIntermediateDirectories: true)
      let (oracle, diary) = (try Oracle(path: "\(fixture.root)/oracle"), Diary())
      let writer = ["\(volume)/rocksdb", "--oracle", "\(fixture.root)/oracle", "--rate", "300"]
      try await troubled.run("repo", "init")
      try await withWriter(writer) { _ in
        try await waitUntil("200 operations") { oracle.acknowledged > 200 }
        let made = try await troubled.commit()
        try await straight.run("backup", "verify", made.id, "--level", "database")
        try await diary.keep(oracle) {
          let watch = try await Programs.run(
            Programs.built("goud"),
            ["backup", "watch", "--every", "100ms", "--commit", "2s", "--repo", troubled.place],
            environment: fixture.surroundings.merging(troubled.environment) { $1 }
          ) { running in
            try await waitUntil("backups, and ticks upon them") {
              guard let now = status(troubled) else { return false }
              return now.commits >= 2 && now.pieces >= 2
            }
            running.send(SIGKILL)
          }
          #expect(watch.status == 137, "\(watch.errors)")
        }
        let safe = Date(timeIntervalSince1970: try #require(status(straight)?.safe) / 1000)
        let out = "\(fixture.root)/out"
        try await troubled.run("restore", "--to", out, "--yes")
        #expect(try fixture.lastOperation(out) >= diary.acknowledged(by: safe))
        try await straight.run("repo", "unlock")
        let next = try await straight.commit()
        try await straight.run("backup", "verify", next.id, "--level", "database")
        try await troubled.run("backup", "forget", "--keep-last", "1", "--prune")
        try await straight.run("repo", "check", "--read-data")
        let complaints = try await Restic.judge(files, password: RepositoryFixture.password)
        #expect(complaints.isEmpty, "\(complaints)")
      }
    }
  }

  /// As some gateways and proxies do: of what is put, the second always finds the first.
  @Test func requestsThatAllComeTwiceAreAsGoodAsOnes() async throws {
    try await with(every: 1, [.twice]) { straight, troubled, files in
      try await straight.fixture.makeVolume()
      try await troubled.run("repo", "init")
      let made = try await troubled.commit().id
      try await troubled.run("repo", "key", "add", "--new-password-file", "\(straight.fixture.root)/password")
      try await straight.run("backup", "verify", made, "--level", "database")
      let complaints = try await Restic.judge(files, password: RepositoryFixture.password)
      #expect(complaints.isEmpty, "\(complaints)")
    }
  }
}
