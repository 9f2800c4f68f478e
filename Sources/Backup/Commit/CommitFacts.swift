import Foundation
import GoudCore
import Repository

/// What a commit notes of its files beside what a node of restic's holds: `files.json` in the directory `.goud`.
struct CommitFacts: Codable {
  /// By which a table is known again: one that is the same in all of this is the same file, and RocksDB changes no table.
  struct Table: Codable, Equatable {
    var file: FileVersion
    /// SHA-256 of the last 4 KiB, in which footer and properties lie: of the database's and the session's identity as well.
    var end: String

    init(_ version: FileVersion, _ content: any ByteSource) throws {
      file = version
      let count = Int(min(version.size, 4096))
      let bytes = try [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
        used = try content.read(into: UnsafeMutableRawBufferPointer(buffer), at: version.size - Int64(count))
      }
      end = ObjectID(sha256Of: bytes).hex
    }
  }

  var version = 1
  /// When every table of the volume was read last.
  var scanned: Date
  /// By path in the volume.
  var tables: [String: Table] = [:]
  /// Where files with holes have bytes: from, to, in pairs.
  var extents: [String: [Int64]] = [:]
}
