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
  ///   - scratch: a directory for the view's links.
  /// - Throws: `volume.no-database`, `database.corrupt`, `database.unsupported-format`.
  public static func check(
    _ volume: String, depth: Depth = .full, scratch: String, threads: Int = 2,
    cancellation: Cancellation = Cancellation(), progress: any ProgressSink = NoProgress()
  ) throws -> VolumeProof {
    let contents = try VolumeContents(of: volume)
    guard !contents.databases.isEmpty else { throw contents.noDatabase }
    var options = SnapshotOptions(scratch: scratch)
    options.cancellation = cancellation
    options.proveOrders = depth == .full
    let snapshots = try contents.databases.map {
      let layout = try DatabaseLayout.find($0, in: contents.tree, isStored: true)
      return try DatabaseSnapshot.take($0, layout: layout, options: options)
    }
    if depth == .full { try prove(snapshots, threads: threads, cancellation, progress) }
    return VolumeProof(
      databases: snapshots.map {
        Database(location: $0.location, view: $0.view!, tables: depth == .full ? $0.files.count { $0.isTable } : 0)
      })
  }

  private static func prove(
    _ snapshots: [DatabaseSnapshot], threads: Int, _ cancellation: Cancellation, _ progress: any ProgressSink
  ) throws {
    let tables = snapshots.flatMap(\.files).filter(\.needsProof)
    guard !tables.isEmpty else { return }
    progress.begin("check \(tables.count) tables and blob files", total: ByteCount(tables.reduce(0) { $0 + $1.size }))
    let pipeline = OrderedPipeline<DatabaseSnapshot.File, Int64>(name: "prove", width: threads, depth: threads * 2) {
      try cancellation.check()
      try $0.prove()
      return $0.size
    } consume: {
      progress.advance(Int($0))
    }
    do {
      for table in tables { try pipeline.submit(table) }
    } catch {
      try pipeline.finish(abandoning: true)
      throw error
    }
    try pipeline.finish()
    progress.end()
  }
}
