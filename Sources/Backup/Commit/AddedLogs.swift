import GoudCore
import Tail
import VolumeSnapshot

/// Where a tail adds to the logs of one volume, decided before its bytes are read. Pure: no I/O.
struct AddedLogs {
  /// By path: where the tail goes on, and where it ends.
  private var logs: [String: Range<Int64>] = [:]
  /// What a log looks like that begins in the tail: as what lies in the same directory.
  private var examples: [String: FileEntry] = [:]

  /// - Throws: `repository.damaged` when a piece does not go on where the one before ended.
  init(_ pieces: [TailOutline]) throws {
    for part in pieces.flatMap(\.parts) {
      guard Self.isLog(part.path) else { throw Self.damaged(part.path, "is no log") }
      let (end, isBeyond) = part.offset.addingReportingOverflow(part.count)
      guard !isBeyond, part.count >= 0 else { throw Self.damaged(part.path, "ends beyond all files") }
      guard let log = logs[part.path] else {
        logs[part.path] = part.offset..<end
        continue
      }
      guard log.upperBound == part.offset else { throw Self.damaged(part.path, "does not go on where it ended") }
      logs[part.path] = log.lowerBound..<end
    }
  }

  /// Makes a file of the commit as long as it is with the tail.
  /// - Returns: whether something comes behind the commit's bytes.
  mutating func take(_ entry: inout FileEntry) throws -> Bool {
    guard case .file(let size) = entry.kind else { return false }
    let directory = FileSystem.parent(of: entry.path)
    if examples[directory] == nil || Self.isLog(entry.path) { examples[directory] = entry }
    guard let log = logs.removeValue(forKey: entry.path) else { return false }
    guard log.lowerBound == size, entry.extents == nil else {
      throw Self.damaged(entry.path, "has \(size) bytes in the commit, and the tail goes on at \(log.lowerBound)")
    }
    entry.kind = .file(size: log.upperBound)
    return true
  }

  /// The logs that begin in the tail.
  func rest() throws -> [FileEntry] {
    try logs.sorted { $0.key < $1.key }.map { path, log in
      guard log.lowerBound == 0, var entry = examples[FileSystem.parent(of: path)] else {
        throw Self.damaged(path, log.lowerBound == 0 ? "lies where the commit has no file" : "lacks its beginning")
      }
      entry.path = path
      entry.kind = .file(size: log.upperBound)
      entry.extents = nil
      return entry
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
