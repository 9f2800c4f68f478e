import Foundation
import GoudCore
import TestSupport
import Testing

/// How a verb should refuse: its exit status and its stable code, as scripts see them.
struct Refusal: Sendable, CustomTestStringConvertible {
  let status: Int32
  let code: String

  init(_ status: Int32, _ code: String) { (self.status, self.code) = (status, code) }

  var testDescription: String { "\(status) \(code)" }
}

extension Fixture {
  /// Runs a verb for people and for scripts, and expects both to be refused alike, with a hint, and with nothing
  /// changed below the directories of this test and below `further`.
  /// - Returns: the message.
  @discardableResult
  func expect(
    _ refusal: Refusal, of arguments: [String], unchanged further: [String] = [],
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws -> String {
    let watched = [home, backups] + further
    let before = try await trees(watched)
    let text = try await goud(arguments)
    #expect(text.status == refusal.status && text.output == "", "\(text.errors)", sourceLocation: sourceLocation)
    #expect(
      text.errors.contains("error: ") && text.errors.contains("\nhint: "), "\(text.errors)",
      sourceLocation: sourceLocation)
    let finished = try await goud(arguments + ["--format", "json"])
    #expect(finished.status == refusal.status && finished.output == "", sourceLocation: sourceLocation)
    let error = try JSONDecoder().decode(Reported.self, from: Data(finished.errors.utf8))
    #expect(error.code == refusal.code, "\(error.message)", sourceLocation: sourceLocation)
    #expect(error.exit == refusal.status && error.hint?.isEmpty == false, sourceLocation: sourceLocation)
    #expect(try await trees(watched) == before, sourceLocation: sourceLocation)
    return error.message
  }

  private struct Reported: Decodable {
    let code: String
    let message: String
    let hint: String?
    let exit: Int32
  }

  private func trees(_ directories: [String]) async throws -> [String] {
    var trees: [String] = []
    for directory in directories { trees.append(try await tree(directory)) }
    return trees
  }

  /// The first file of a database whose name ends or begins like this.
  func databaseFile(_ volume: String, where matches: (String) -> Bool) throws -> String {
    let directory = "\(volume)/rocksdb"
    return try #require(try FileSystem.names(in: directory).sorted().first(where: matches).map { "\(directory)/\($0)" })
  }

  /// Runs `body` with a further mount, taken away afterwards whatever happens.
  func with(mount arguments: [String], at point: String, _ body: () async throws -> Void) async throws {
    try FileManager.default.createDirectory(atPath: point, withIntermediateDirectories: true)
    let mounted = try await Programs.run("mount", arguments + [point])
    try #require(mounted.status == 0, "\(mounted.errors)")
    do {
      try await body()
    } catch {
      try await Programs.run("umount", ["-l", point])
      throw error
    }
    try #require(try await Programs.run("umount", [point]).status == 0)
  }

  /// Runs `body` with an ext4 file system of `size` bytes at the path that it is given.
  func withDisk(bytes size: Int, _ body: (String) async throws -> Void) async throws {
    let image = "\(root)/image"
    try Data().write(to: URL(fileURLWithPath: image))
    try #require(truncate(image, off_t(size)) == 0)
    let made = try await Programs.run("mkfs.ext4", ["-q", "-m", "0", image])
    try #require(made.status == 0, "\(made.errors)")
    let disk = "\(root)/disk"
    try await with(mount: ["-o", "loop", image], at: disk) { try await body(disk) }
  }
}

/// Turns one bit in the middle of a file.
func flipBit(in path: String) throws {
  var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
  bytes[bytes.count / 2] ^= 1
  try Data(bytes).write(to: URL(fileURLWithPath: path))
}
