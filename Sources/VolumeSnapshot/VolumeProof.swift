import Foundation
public import GoudCore
public import RocksDB

/// Proof that a volume at rest (restored, unpacked, or of a stopped node) is whole: each of its databases opens, and
/// every block of every table agrees with its checksum.
///
/// Reads only. Not for a volume that is being written: take a `VolumeSnapshot` of it and prove that.
public struct VolumeProof: Sendable {
  public struct Database: Sendable {
    public let location: DatabaseLocation
    public let view: DatabaseView
    /// Tables whose every block was checked; 0 for `.quick`.
    public let tables: Int
  }

  public enum Depth: Sendable {
    /// `MANIFEST`, live files and their sizes, every log record.
    case quick
    /// And every block of every table, and every value of every blob file.
    case full
  }

  public let databases: [Database]

  /// - Parameters:
  ///   - volume: absolute path, links followed.
  ///   - scratch: where files without names may be made.
  ///   - proven: what need not be read again.
  /// - Throws: `volume.no-database`, `database.corrupt`, `database.unsupported-format`.
  public static func check(
    _ volume: String, depth: Depth = .full, scratch: String, proven: ProvenFiles = ProvenFiles(), threads: Int = 2,
    cancellation: Cancellation = Cancellation(), progress: any ProgressSink = NoProgress()
  ) throws -> VolumeProof {
    let contents = try VolumeContents(of: volume)
    guard !contents.databases.isEmpty else { throw contents.noDatabase }
    var options = SnapshotOptions(scratch: scratch)
    options.cancellation = cancellation
    options.isAtRest = true
    options.proveOrders = depth == .full
    // Held until their tables are proven.
    var snapshots: [DatabaseSnapshot] = []
    let databases = try contents.databases.map { location in
      let layout = try DatabaseLayout.find(location, in: contents.tree, isStored: true)
      if depth == .quick, let view = try RestingDatabase.view(location, layout, options) {
        return Database(location: location, view: view, tables: 0)
      }
      let snapshot = try DatabaseSnapshot.take(location, layout: layout, options: options)
      guard depth == .full else { return Database(location: location, view: snapshot.view!, tables: 0) }
      snapshots.append(snapshot)
      return Database(location: location, view: snapshot.view!, tables: snapshot.files.count { $0.isTable })
    }
    try prove(
      snapshots.flatMap(\.files).filter { $0.needsProof && !proven.contains($0.status) }, threads: threads,
      cancellation, progress)
    return VolumeProof(databases: databases)
  }

  private static let batchBytes: Int64 = 4 << 20

  private static func prove(
    _ files: [DatabaseSnapshot.File], threads: Int, _ cancellation: Cancellation, _ progress: any ProgressSink
  ) throws {
    guard !files.isEmpty else { return }
    progress.begin("check \(files.count) tables and blob files", total: ByteCount(files.reduce(0) { $0 + $1.size }))
    let pipeline = OrderedPipeline<[DatabaseSnapshot.File], Void>(name: "prove", width: threads, depth: threads * 2) {
      for file in $0 {
        try cancellation.check()
        try file.prove()
        progress.advance(Int(file.size))
      }
    } consume: { _ in
    }
    do {
      // Small files come by thousands.
      var batch: [DatabaseSnapshot.File] = []
      var bytes: Int64 = 0
      for file in files {
        batch.append(file)
        bytes += file.size
        if bytes >= batchBytes {
          try pipeline.submit(batch)
          (batch, bytes) = ([], 0)
        }
      }
      try pipeline.submit(batch)
    } catch {
      try pipeline.finish(abandoning: true)
      throw error
    }
    try pipeline.finish()
    progress.end()
  }
}
