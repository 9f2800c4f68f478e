import GoudCore
import Tail
import VolumeSnapshot

/// What a tail adds to the logs of one volume, while its files are made.
struct AddedLogs {
  private struct Log {
    let begin: Int64
    var pieces: [[UInt8]]
    var end: Int64
  }

  /// By path.
  private var logs: [String: Log] = [:]
  /// What a log looks like that begins in the tail: as what lies in the same directory.
  private var examples: [String: FileEntry] = [:]

  /// - Throws: `repository.damaged` when a piece does not go on where the one before ended.
  init(_ pieces: [TailPiece]) throws {
    for part in pieces.flatMap(\.parts) {
      guard Self.isLog(part.path) else { throw Self.damaged(part.path, "is no log") }
      let (end, isBeyond) = part.offset.addingReportingOverflow(Int64(part.bytes.count))
      guard !isBeyond else { throw Self.damaged(part.path, "ends beyond all files") }
      guard let log = logs[part.path] else {
        logs[part.path] = Log(begin: part.offset, pieces: [part.bytes], end: end)
        continue
      }
      guard log.end == part.offset else { throw Self.damaged(part.path, "does not go on where it ended") }
      logs[part.path]?.pieces.append(part.bytes)
      logs[part.path]?.end = end
    }
  }

  /// Makes a file of the commit as long as it is with the tail.
  /// - Returns: what comes behind the commit's bytes.
  mutating func take(_ entry: inout FileEntry) throws -> [[UInt8]] {
    guard case .file(let size) = entry.kind else { return [] }
    let directory = FileSystem.parent(of: entry.path)
    if examples[directory] == nil || Self.isLog(entry.path) { examples[directory] = entry }
    guard let log = logs.removeValue(forKey: entry.path) else { return [] }
    guard log.begin == size, entry.extents == nil else {
      throw Self.damaged(entry.path, "has \(size) bytes in the commit, and the tail goes on at \(log.begin)")
    }
    entry.kind = .file(size: log.end)
    return log.pieces
  }

  /// The logs that begin in the tail.
  func rest() throws -> [(FileEntry, [[UInt8]])] {
    try logs.sorted { $0.key < $1.key }.map { path, log in
      guard log.begin == 0, var entry = examples[FileSystem.parent(of: path)] else {
        throw Self.damaged(path, log.begin == 0 ? "lies where the commit has no file" : "lacks its beginning")
      }
      entry.path = path
      entry.kind = .file(size: log.end)
      entry.extents = nil
      return (entry, log.pieces)
    }
  }

  private static func isLog(_ path: String) -> Bool {
    guard case .log = DatabaseFileName(FileSystem.name(of: path)) else { return false }
    return !path.isAbsolutePath && !path.pathComponents().contains("..")
  }

  private static func damaged(_ path: String, _ why: String) -> GoudError {
    GoudError(
      .repositoryDamaged, "the tail of a backup is damaged: \(path) \(why)",
      hint: "restore the commit alone, with --at its time", context: ["path": path])
  }
}
