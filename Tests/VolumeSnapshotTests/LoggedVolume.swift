import Foundation
import GoudCore
import TestSupport

@testable import VolumeSnapshot

/// How a database comes to have two logs whose writes are not in tables.
enum TwoLogs: CaseIterable {
  /// One of two column families was flushed: its table is newer than the older log.
  case flushed
  /// It was closed and opened again without a flush; it has no tables at all.
  case reopened
}

/// A volume with two live logs: `a`, `b` in the older, `c`, `d` in the newer; five writes with `x` of another family.
struct LoggedVolume {
  let path: String
  /// What it was opened with, in RocksDB's spelling.
  let options: String
  private let scratch: String

  /// - Parameters:
  ///   - newestBytes: the size of the first value of the newer log.
  ///   - lastBytes: the size of its second.
  ///   - between: what happens to the older log before the newer one is begun; for `reopened`.
  init(
    _ scratch: String, _ logs: TwoLogs, options: String = "", newestBytes: Int = 5, lastBytes: Int = 5,
    between: (_ log: String) throws -> Void = { _ in }
  ) throws {
    self.scratch = scratch
    path = "\(scratch)/db"
    self.options = "avoid_flush_during_recovery=true;\(options)"
    var database: RawDatabase? = try RawDatabase(path, self.options)
    try database?.put("a")
    try database?.put("x", family: 1)
    try database?.put("b")
    switch logs {
    case .flushed: try database?.flush(family: 1)
    case .reopened:
      database = nil
      try between(oldest)
      database = try RawDatabase(path, self.options)
    }
    try database?.put("c", bytes: newestBytes)
    try database?.put("d", bytes: lastBytes)
  }

  var oldest: String { logs.first! }
  var newest: String { logs.last! }
  private var logs: [String] {
    ((try? FileSystem.names(in: path)) ?? []).filter { $0.hasSuffix(".log") }.sorted().map { "\(path)/\($0)" }
  }

  func take(unproven: Bool = false) throws -> VolumeSnapshot {
    var options = SnapshotOptions(scratch: scratch)
    options.allowUnproven = unproven
    return try VolumeSnapshot.take(path, options: options)
  }

  /// The error of a snapshot; nil when one can be taken.
  func refusal() -> GoudError? {
    do {
      _ = try take()
      return nil
    } catch {
      return error as? GoudError
    }
  }

  /// The keys of the default family that RocksDB recovers from a copy of what a snapshot takes, proven or not.
  func recoveredKeys() throws -> [String] {
    let copy = "\(scratch)/copy"
    try take(unproven: true).unpack(to: copy)
    return try RawDatabase(copy, options).keys()
  }

  // MARK: Damage

  func bytes(of log: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: log))) }

  /// Changes one bit of `whole`, another one at each offset.
  func flip(_ log: String, at offset: Int, of whole: [UInt8]) throws {
    var bytes = whole
    bytes[offset] ^= 1 << UInt8(offset % 8)
    try Data(bytes).write(to: URL(fileURLWithPath: log))
  }

  func cut(_ log: String, to size: Int, of whole: [UInt8]? = nil) throws {
    try Data(try whole ?? bytes(of: log)).prefix(size).write(to: URL(fileURLWithPath: log))
  }

  /// Makes a recycled log of one with records of one piece: each carries the log's number, and behind the last one lies
  /// what the file held in its earlier use. (RocksDB 7.8 recycles no logs under its default recovery mode; newer do.)
  /// - Parameter cutting: how much of the old record the new ones have overwritten.
  func recycle(_ log: String, cutting: Int) throws {
    let whole = try bytes(of: log)
    let number = UInt32(FileSystem.name(of: log).prefix { $0 != "." })!
    var offset = 0
    var recycled: [UInt8] = []
    while offset < whole.count {
      let next = offset + 7 + Int(whole[offset + 4]) + Int(whole[offset + 5]) << 8
      recycled += PieceWriter.piece(5, number: number, Array(whole[(offset + 7)..<next]))
      offset = next
    }
    recycled += PieceWriter.piece(5, number: number - 1, Array(whole[7...20])).dropFirst(cutting)
    try Data(recycled).write(to: URL(fileURLWithPath: log))
  }

  /// Where the last record begins in a log of records that are one piece each.
  static func lastRecord(_ log: [UInt8]) -> Int {
    var offset = 0
    while true {
      let next = offset + 7 + Int(log[offset + 4]) + Int(log[offset + 5]) << 8
      if next >= log.count { return offset }
      offset = next
    }
  }
}
