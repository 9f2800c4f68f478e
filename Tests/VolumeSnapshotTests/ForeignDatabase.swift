import Foundation
import GoudCore
import TestSupport

@testable import VolumeSnapshot

/// A database that `goud-foreign` wrote, as an application would that Goud has never seen; its newest writes are in its
/// log alone.
struct ForeignDatabase {
  let kind: String
  let path: String
  private let scratch: String

  init(_ kind: String, in scratch: String) async throws {
    self.kind = kind
    self.scratch = scratch
    path = "\(scratch)/db"
    let written = try await Programs.run(Programs.built("goud-foreign"), ["write", kind, path])
    guard written.status == 0 else { throw TestFailure("goud-foreign: \(written.errors)") }
  }

  func take() throws -> VolumeSnapshot {
    try VolumeSnapshot.take(path, options: SnapshotOptions(scratch: scratch))
  }

  /// Takes and proves everything, then compares what the application reads from a copy with what it reads here.
  func roundTrip() async throws -> DatabaseSnapshot {
    let snapshot = try take()
    for item in snapshot.items { try item.prove?() }
    try snapshot.unpack(to: "\(scratch)/copy")
    let copied = try await read("\(scratch)/copy")
    guard !copied.isEmpty, try await read(path) == copied else {
      throw TestFailure("the copy holds something else: \(copied)")
    }
    return snapshot.databases[0]
  }

  func files(_ suffix: String) throws -> [String] {
    try FileSystem.names(in: path).filter { $0.hasSuffix(suffix) }.sorted().map { "\(path)/\($0)" }
  }

  /// Each column family: number of keys and a sum over all there is.
  private func read(_ directory: String) async throws -> String {
    let result = try await Programs.run(Programs.built("goud-foreign"), ["read", kind, directory])
    guard result.status == 0 else { throw TestFailure("goud-foreign: \(result.errors)") }
    return result.output
  }
}
