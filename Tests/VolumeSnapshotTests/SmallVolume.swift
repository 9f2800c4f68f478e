import Foundation
import GoudCore
import TestSupport
import Testing

@testable import VolumeSnapshot

#if canImport(Glibc)
  import Glibc
#endif

/// A volume of small databases, each with a table and, in the log alone, the key `z`.
struct SmallVolume {
  let scratch: String
  let path: String

  init(_ scratch: String, databases: [String] = ["db"], options: String = "") throws {
    self.scratch = scratch
    path = "\(scratch)/volume"
    for database in databases { try add(database, options: options) }
  }

  func add(_ database: String, options: String = "") throws {
    try FileManager.default.createDirectory(atPath: "\(path)/\(database)", withIntermediateDirectories: true)
    let writer = try RawDatabase("\(path)/\(database)", options)
    for key in ["a", database] { try writer.put(key) }
    try writer.flush()
    try writer.put("z")
  }

  func write(_ name: String, _ text: String = "text") throws {
    let file = "\(path)/\(name)"
    try FileManager.default.createDirectory(
      atPath: FileSystem.parent(of: file), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: URL(fileURLWithPath: file))
  }

  /// The files of a directory that `test` accepts, by name.
  func names(_ directory: String, _ test: (DatabaseFileName) -> Bool) throws -> [String] {
    try FileSystem.names(in: "\(path)/\(directory)").filter { test(DatabaseFileName($0)) }.sorted()
  }

  /// Adds a line to the newest `OPTIONS` of a database.
  func setOption(_ line: String, of database: String) throws {
    let name = try #require(try names(database) { if case .options = $0 { true } else { false } }.last)
    let file = URL(fileURLWithPath: "\(path)/\(database)/\(name)")
    let text = try String(contentsOf: file, encoding: .utf8)
    try Data(text.replacingOccurrences(of: "[DBOptions]", with: "[DBOptions]\n  \(line)").utf8).write(to: file)
  }

  func take() throws -> VolumeSnapshot {
    try VolumeSnapshot.take(path, options: SnapshotOptions(scratch: scratch))
  }

  /// Takes a snapshot, proves it, unpacks it, proves that again while the original is there, and reads every database.
  func restored() throws -> (snapshot: VolumeSnapshot, keys: [String: [String]]) {
    let snapshot = try take()
    for item in snapshot.items { try item.prove?() }
    let copy = "\(scratch)/copy"
    try snapshot.unpack(to: copy)
    _ = try VolumeProof.check(copy, scratch: scratch)
    var keys: [String: [String]] = [:]
    for database in snapshot.databases {
      keys[database.location.path] = try RawDatabase("\(copy)/\(database.location.path)").keys()
    }
    return (snapshot, keys)
  }

  /// The error of a snapshot; nil when one can be taken.
  func refusal() -> GoudError? {
    do {
      for item in try take().items { try item.prove?() }
      return nil
    } catch {
      return error as? GoudError
    }
  }
}

extension VolumeSnapshot {
  var paths: [String] { items.map(\.entry.path) }
}
