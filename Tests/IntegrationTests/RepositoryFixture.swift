import Foundation
import GoudCore
import TestSupport
import Testing

/// A repository beside a home, and stock restic as its judge.
struct RepositoryFixture: Sendable {
  let fixture: Fixture
  /// What `--repo` names.
  let place: String
  /// By which a store is found.
  var variables: [String: String] = [:]

  static let password = "correct horse"

  /// With a repository that is empty.
  static func with<Result: Sendable>(
    _ body: @Sendable (RepositoryFixture) async throws -> Result
  ) async throws -> Result {
    try await Fixture.with { fixture in
      try AtomicFile.write(Array("\(password)\n".utf8), to: "\(fixture.root)/password")
      let repository = RepositoryFixture(fixture: fixture, place: "\(fixture.root)/repository")
      try await repository.run("repo", "init")
      return try await body(repository)
    }
  }

  var environment: [String: String] {
    [
      "GOUD_PASSWORD_FILE": "\(fixture.root)/password", "RESTIC_PASSWORD": Self.password,
      "RESTIC_CACHE_DIR": "\(fixture.root)/cache",
    ].merging(variables) { $1 }
  }

  /// Runs a verb of goud on the repository.
  func goud(_ words: String...) async throws -> Finished {
    try await fixture.goud(words + ["--repo", place], environment: environment)
  }

  /// The same, which must succeed.
  @discardableResult
  func run(_ words: String..., location: SourceLocation = #_sourceLocation) async throws -> Finished {
    let finished = try await fixture.goud(words + ["--repo", place], environment: environment)
    try #require(finished.status == 0, "\(words): \(finished.errors)", sourceLocation: location)
    return finished
  }

  struct Committed: Decodable {
    let id: String
    let snapshots: [String: String]
    let newBytes: Int64
    let reusedBytes: Int64
    let knownTables: Int
  }

  func commit(_ further: String...) async throws -> Committed {
    let finished = try await fixture.goud(
      ["backup", "create", "--format", "json", "--repo", place] + further, environment: environment)
    try #require(finished.status == 0, "\(finished.errors)")
    return try JSONDecoder().decode(Committed.self, from: Data(finished.output.utf8))
  }

  func restic(_ words: String..., by restic: Restic = .system) async throws -> Finished {
    try await restic.run(words, on: place, password: Self.password)
  }

  /// Every restic reads every byte, and finds nothing wrong.
  func isSound(_ location: SourceLocation = #_sourceLocation) async throws {
    let complaints = try await Restic.judge(place, password: Self.password)
    #expect(complaints.isEmpty, "\(complaints)", sourceLocation: location)
  }

  /// Two volumes hold the same but for what a restore or a reader may leave in them.
  func isSame(_ one: String, _ other: String, _ location: SourceLocation = #_sourceLocation) async throws {
    let compared = try await Programs.run(
      "diff", ["-r", "--no-dereference", "-x", "LOCK", "-x", "LOG", "-x", "LOG.old.*", one, other])
    #expect(compared.status == 0, "\(compared.output) \(compared.errors)", sourceLocation: location)
  }
}
