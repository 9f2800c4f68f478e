import Archive
import GoudCore

/// Compares what a repository holds of a volume with what was declared when it was stored, before anything is made of it:
/// whoever could write to the store and knows its password is no more to be trusted than the maker of an archive. Pure: no
/// I/O.
struct CommitGate {
  private let declared: BackupMetadata.Volume
  private let facts: CommitFacts
  private var files = 0
  private var bytes: Int64 = 0
  private var secondNames = 0

  init(_ declared: BackupMetadata.Volume, _ facts: CommitFacts) {
    (self.declared, self.facts) = (declared, facts)
  }

  /// - Returns: the entry, with its holes.
  /// - Throws: `repository.unsafe-entry`.
  mutating func admit(_ found: FileEntry) throws -> FileEntry {
    var entry = found
    switch entry.kind {
    case .directory, .link: break
    case .secondName: secondNames += 1
    case .file(let size):
      entry.extents = try extents(of: entry.path, size)
      files += 1
      bytes = bytes.addingReportingOverflow(entry.storedBytes).overflow ? .max : bytes + entry.storedBytes
    }
    guard files <= declared.files, bytes <= declared.bytes, secondNames <= declared.secondNames ?? 0 else {
      throw unsafe(entry.path, "is more than metadata.json declares")
    }
    return entry
  }

  /// After the last entry.
  func finish() throws {
    guard files == declared.files, bytes == declared.bytes, secondNames == declared.secondNames ?? 0 else {
      throw GoudError(
        .repositoryDamaged,
        "the backup lacks files of \(declared.name): its metadata declares \(declared.files) with \(declared.bytes) bytes",
        hint: "goud repo check")
    }
  }

  private func extents(of path: String, _ size: Int64) throws -> [Range<Int64>]? {
    guard let noted = facts.extents[path] else { return nil }
    var extents: [Range<Int64>] = []
    var end: Int64 = 0
    guard noted.count % 2 == 0 else { throw unsafe(path, "has holes that cannot be") }
    for index in stride(from: 0, to: noted.count, by: 2) {
      let (from, to) = (noted[index], noted[index + 1])
      guard from >= end, from < to, to <= size else { throw unsafe(path, "has holes that cannot be") }
      extents.append(from..<to)
      end = to
    }
    return extents
  }

  private func unsafe(_ path: String, _ why: String) -> GoudError {
    GoudError(
      .repositoryUnsafe, "\(path) of \(declared.name) \(why)",
      hint: "this is not a backup that goud wrote, or it was tampered with", context: ["path": path])
  }
}
