import BlobStore
import Foundation
import GoudCore
import Repository
import Synchronization
import TestSupport
import Testing
import Volumes
import WriterOracle

@testable import Backup

#if canImport(Glibc)
  import Glibc
#endif

/// A volume with a writer that knows nothing of any watch, and a repository that a watch follows it into.
struct WatchFixture: Sendable {
  static let password = "p"

  /// What is left when all but the repository is lost at the end of a tick.
  struct Image: Sendable {
    let location: String
    let safe: Date
  }

  let scratch: String
  let model: WriterModel
  var volume: String { "\(scratch)/volume" }
  var location: String { "\(scratch)/repository" }

  func repository(_ location: String? = nil) throws -> Repository {
    try Repository.open(DirectoryStore(location ?? self.location), password: Self.password)
  }

  func request(_ cancellation: Cancellation) throws -> WatchRequest {
    var commit = CommitRequest(
      environment: "local", volumes: [Volume(name: "node1_data", path: volume)], repository: try repository(),
      scratch: "\(scratch)/views", toolVersion: "test")
    commit.cancellation = cancellation
    var request = WatchRequest(commit)
    request.every = 0.05
    request.commitEvery = 3
    request.home = "\(scratch)/home"
    return request
  }

  /// Copies the repository as it is while a commit may run: what refers before what it refers to.
  func image(_ number: Int, _ safe: Date) throws -> Image {
    let image = "\(scratch)/image\(number)"
    for folder in ["tail", "snapshots", "index", "data", "keys", "config"]
    where FileManager.default.fileExists(atPath: "\(location)/\(folder)") {
      let names = try FileManager.default.subpathsOfDirectory(atPath: "\(location)/\(folder)")
      for name in names.isEmpty ? [folder] : names.map({ "\(folder)/\($0)" }) {
        let (from, to) = ("\(location)/\(name)", "\(image)/\(name)")
        guard let status = try FileSystem.status(from), status.st_mode & S_IFMT == S_IFREG else { continue }
        try FileManager.default.createDirectory(
          atPath: FileSystem.parent(of: to), withIntermediateDirectories: true)
        // What is being written has a name of its own until it is whole, and may lose it.
        try? FileManager.default.linkItem(atPath: from, toPath: to)
      }
    }
    return Image(location: image, safe: safe)
  }

  /// Makes the newest backup and its tail.
  /// - Returns: the operation that it ends at, and how far it says that it reaches.
  func restore(_ location: String? = nil, upTo moment: Date? = nil) throws -> (operation: UInt64, reach: Date) {
    let repository = try repository(location)
    let commit = try CommitHistory(repository).furthest(of: "local", upTo: moment)
    let tail = try CommitTail(commit, in: repository, upTo: moment)
    #expect(tail.notes.allSatisfy { !$0.contains("ends early") }, "\(tail.notes)")
    let made = "\(scratch)/made"
    try? FileManager.default.removeItem(atPath: made)
    try FileManager.default.createDirectory(atPath: made, withIntermediateDirectories: true)
    var extraction = CommitExtraction(repository, try repository.loadIndex())
    extraction.tail = tail
    _ = try extraction.run(commit, into: ["node1_data": made])
    let taken = commit.members[0].snapshot.time.date
    return (
      try model.check(directory: "\(made)/rocksdb", strictly: true),
      max(tail.moment(of: "node1_data") ?? taken, taken)
    )
  }

  // MARK: A watch

  /// Watches a writer until the body has seen what it waits for; ends both.
  static func watching(
    _ change: @escaping @Sendable (inout WatchRequest, WatchFixture) throws -> Void = { _, _ in },
    _ body:
      @escaping @Sendable (WatchFixture, Oracle, _ status: @escaping @Sendable () -> WatchStatus?) async throws -> Void
  ) async throws {
    try await watchingAndWriting(change) { place, oracle, status, _, _ in try await body(place, oracle, status) }
  }

  /// The same with the writer, and how to start another.
  static func watchingAndWriting(
    _ change: @escaping @Sendable (inout WatchRequest, WatchFixture) throws -> Void = { _, _ in },
    _ body:
      @escaping @Sendable (
        WatchFixture, Oracle, _ status: @escaping @Sendable () -> WatchStatus?, Running, _ writer: [String]
      ) async throws -> Void
  ) async throws {
    try await with { try await $0.watchingAndWriting(change, body) }
  }

  /// What has no repository yet.
  static func with(_ body: (WatchFixture) async throws -> Void) async throws {
    try await withTemporaryDirectory { scratch in
      try await body(
        WatchFixture(scratch: scratch, model: WriterModel(seed: 3, slots: 300, valueBytes: 256, families: 2)))
    }
  }

  func watchingAndWriting(
    _ change: @escaping @Sendable (inout WatchRequest, WatchFixture) throws -> Void,
    _ body:
      @escaping @Sendable (
        WatchFixture, Oracle, _ status: @escaping @Sendable () -> WatchStatus?, Running, _ writer: [String]
      ) async throws -> Void
  ) async throws {
    try FileManager.default.createDirectory(atPath: volume, withIntermediateDirectories: true)
    _ = try Repository.create(DirectoryStore(location), password: Self.password, cost: .init(rounds: 1 << 10))
    let oracle = try Oracle(path: "\(scratch)/oracle")
    let last = Mutex<WatchStatus?>(nil)
    let cancellation = Cancellation()
    var request = try request(cancellation)
    request.commitEvery = 60
    request.ticked = { status in last.withLock { $0 = status } }
    try change(&request, self)
    let asked = request
    let writer = [
      "\(volume)/rocksdb", "--oracle", "\(scratch)/oracle", "--seed", "3", "--slots", "300", "--families", "2",
      "--rate", "500",
    ]
    try await withWriter(writer) { running in
      try await waitUntil("200 operations") { oracle.acknowledged > 200 }
      async let ended: Void = onThread { try Watch(asked).run() }
      do {
        try await body(self, oracle, { last.withLock { $0 } }, running, writer)
      } catch {
        cancellation.cancel()
        throw error
      }
      cancellation.cancel()
      try await ended
    }
  }

  /// Both restics read it to its last byte.
  func judge(_ location: String? = nil, _ source: SourceLocation = #_sourceLocation) async throws {
    let complaints = try await Restic.judge(location ?? self.location, password: Self.password, ["--no-lock"])
    #expect(complaints.isEmpty, "\(complaints)", sourceLocation: source)
  }
}
