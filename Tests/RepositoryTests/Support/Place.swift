import BlobStore
import Foundation
import GoudCore
import Repository
import TestSupport
import Testing

/// A directory for one test, with a repository in it, and stock restic as the judge.
struct Place {
  static let password = "correct horse battery staple"
  /// Passwords of tests are not tried by anybody.
  static let cost = KeyFile.Cost(rounds: 1 << 10)

  let path: String
  /// Which one `restic`, `sound` and `backup` run.
  var restic = Restic.system
  var location: String { "\(path)/repository" }
  var store: DirectoryStore { DirectoryStore(location) }

  static func make(with restic: Restic = .system, _ body: (Place) async throws -> Void) async throws {
    try await withTemporaryDirectory { try await body(Place(path: $0, restic: restic)) }
  }

  @discardableResult
  func create() throws -> Repository { try Repository.create(store, password: Self.password, cost: Self.cost) }

  @discardableResult
  func open(_ password: String = Self.password) throws -> Repository { try Repository.open(store, password: password) }

  // MARK: restic

  /// Runs stock restic on the repository.
  @discardableResult
  func restic(_ arguments: String..., password: String = Self.password) async throws -> Finished {
    try await restic.run(["-q"] + arguments, on: location, password: password)
  }

  /// The same when it must succeed.
  /// - Returns: what it printed.
  @discardableResult
  func sound(_ arguments: String..., password: String = Self.password) async throws -> String {
    let result = try await restic.run(["-q"] + arguments, on: location, password: password)
    guard result.status == 0 else {
      throw TestFailure("restic \(arguments) ended with \(result.status): \(result.output)\(result.errors)")
    }
    return result.output
  }

  /// Every restic reads every byte and finds nothing wrong.
  func judge(_ what: String = "", _ source: SourceLocation = #_sourceLocation) async throws {
    let complaints = try await Restic.judge(location, password: Self.password)
    #expect(complaints.isEmpty, "\(what) \(complaints)", sourceLocation: source)
  }

  // MARK: Damage

  /// The files of a folder of the repository, with their paths.
  func files(_ folder: String) throws -> [String] {
    try store.list(in: folder, deep: true).map { "\(location)/\($0.name)" }
  }

  /// Changes one bit of a file.
  func flip(_ file: String, at offset: Int) throws {
    var bytes = try Data(contentsOf: URL(fileURLWithPath: file))
    bytes[offset < 0 ? bytes.count + offset : offset] ^= 1
    try bytes.rewrite(file)
  }

  /// Leaves the first `count` bytes of a file.
  func cut(_ file: String, to count: Int) throws {
    try Data(contentsOf: URL(fileURLWithPath: file)).prefix(count).rewrite(file)
  }

  func remove(_ file: String) throws { try FileManager.default.removeItem(atPath: file) }

  /// Each file gets the other's bytes.
  func swap(_ one: String, _ other: String) throws {
    let (first, second) = (
      try Data(contentsOf: URL(fileURLWithPath: one)), try Data(contentsOf: URL(fileURLWithPath: other))
    )
    try second.rewrite(one)
    try first.rewrite(other)
  }
}

extension Data {
  /// In place, also where the file may only be read.
  fileprivate func rewrite(_ file: String) throws {
    try? FileManager.default.removeItem(atPath: file)
    try write(to: URL(fileURLWithPath: file))
  }
}
