import Foundation
import GoudCore
import TestSupport

@testable import VolumeSnapshot

/// A snapshot of a volume, unpacked, and what a follower has seen since.
struct FollowedCopy {
  let base: String
  var follower: DatabaseFollower
  private(set) var growths: [DatabaseFollower.Growth] = []
  /// Bytes that came behind the snapshot.
  private(set) var added = 0

  /// - Parameter held: logs that were held open since before the snapshot.
  init(_ snapshot: VolumeSnapshot, at base: String, adopting held: HeldLogs? = nil) throws {
    self.base = base
    try snapshot.unpack(to: base)
    guard let start = snapshot.databases.first?.followBase else { throw TestFailure("the snapshot is not proven") }
    follower = try DatabaseFollower(start, adopting: held)
  }

  /// - Returns: why the logs do not tell all; nil when they do.
  mutating func look() throws -> String? {
    switch try follower.look(Cancellation()).look {
    case .lost(let why): return why
    case .grown(let found, _):
      growths += found
      added += found.reduce(0) { $0 + $1.bytes.count }
      return nil
    }
  }

  /// Makes what a restore would: the snapshot, and behind its logs what was added.
  func build(_ directory: String, leavingOut: Int? = nil) throws {
    try? FileManager.default.removeItem(atPath: directory)
    try FileManager.default.copyItem(atPath: base, toPath: directory)
    for (index, growth) in growths.enumerated() where index != leavingOut {
      let path = "\(directory)/\(growth.path)"
      if growth.offset == 0 { try Data().write(to: URL(filePath: path)) }
      guard let file = FileHandle(forUpdatingAtPath: path) else { throw TestFailure("there is no \(growth.path)") }
      let size = try file.seekToEnd()
      guard leavingOut != nil || size == UInt64(growth.offset) else {
        throw TestFailure("\(growth.path) has \(size) bytes and goes on at \(growth.offset)")
      }
      try file.write(contentsOf: growth.bytes)
      try file.close()
    }
  }
}
