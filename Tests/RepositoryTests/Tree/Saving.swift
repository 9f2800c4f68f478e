import Foundation
import GoudCore
import TestSupport

@testable import Repository

extension Place {
  /// Backs up `files` beside the repository, as Goud does, but for the snapshot: pieces from several files in turns, the trees at the end.
  func save(_ manifest: Manifest, in repository: Repository, at seconds: Int64 = 1_796_048_060) throws -> Snapshot {
    let writer = RepositoryWriter(repository, index: try repository.loadIndex())
    let trees = TreeWriter(writer)
    // Files last, so that links and directories come between none of them.
    for item in manifest.items where item.kind != "file" { try trees.add(item.entry) }
    var open: [(file: TreeWriter.PendingFile, bytes: ArraySlice<UInt8>)] = []
    for item in manifest.items where item.kind == "file" {
      guard case .file = item.entry.kind else {
        try trees.add(item.entry)
        continue
      }
      let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(item.path)")))
      open.append((trees.begin(item.entry), bytes[...]))
    }
    while !open.isEmpty {
      for index in open.indices.reversed() {
        let piece = open[index].bytes.prefix(1 << 20)
        open[index].bytes = open[index].bytes.dropFirst(1 << 20)
        if piece.isEmpty {
          try trees.end(open.remove(at: index).file)
        } else {
          trees.append(try writer.save(Array(piece), as: .data).id, bytes: piece.count, to: open[index].file)
        }
      }
    }
    let saved = try trees.finish()
    try writer.finish()
    var snapshot = Snapshot(
      time: Timestamp(seconds: seconds, nanoseconds: 120_000_000), tree: saved.root, paths: ["/files"])
    (snapshot.hostname, snapshot.username, snapshot.tags) = ("host", "user", ["goud", "env=a&b"])
    (snapshot.programVersion, snapshot.goud) = ("goud 1", Array(#"{"height":7}"#.utf8))
    snapshot.summary = Snapshot.Summary()
    return snapshot
  }
}

/// A file as it comes out of a repository, or as it lies on the disk.
struct SavedFile: Equatable {
  var entry: FileEntry
  /// Of its bytes; empty for what has none.
  var sha256: String
}

extension Repository {
  /// What a snapshot holds, each file read to its end.
  func entries(of snapshot: Snapshot) throws -> [SavedFile] {
    let index = try loadIndex()
    let loader = RepositoryReader(self, index: index)
    var walk = TreeReader(loader).entries(snapshot.tree) { index.plainLength(of: $0, as: .data).map(Int64.init) }
    var found: [SavedFile] = []
    while let (entry, content) = try walk.next() {
      guard case .file = entry.kind else {
        found.append(SavedFile(entry: entry, sha256: ""))
        continue
      }
      let bytes = try content.flatMap { try loader.load($0, as: .data) }
      found.append(SavedFile(entry: entry, sha256: ObjectID(sha256Of: bytes).hex))
    }
    return found
  }
}

extension Manifest {
  /// The same as `Repository.entries`, of the disk.
  var entries: [SavedFile] {
    items.map { item in
      let entry = item.entry
      guard case .file = entry.kind else { return SavedFile(entry: entry, sha256: "") }
      return SavedFile(entry: entry, sha256: item.sha256)
    }
  }
}
