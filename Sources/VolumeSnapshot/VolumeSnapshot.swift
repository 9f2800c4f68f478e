public import Foundation
import GoudCore

/// A consistent view of a whole volume: its databases, each at one moment, and what lies beside them, each file as it was
/// at one moment or named (`OtherFiles.restless`).
///
/// Read access is enough. Lives as long as it is referenced; on disk there is only the scratch directory.
public struct VolumeSnapshot: Sendable {
  public let databases: [DatabaseSnapshot]
  /// Directories (the volume's root first, each before what it holds), links and other files.
  public private(set) var beside: OtherFiles
  /// Files of the databases, `CURRENT` last in its directory. A table that several databases share (a checkpoint's) is a
  /// file once.
  public let databaseItems: [VolumeItem]
  /// What looks like a database and is none that could be captured; its files are among `beside`.
  public let others: [OtherStore]

  /// The moment from which every acknowledged write is in the snapshot.
  public var moment: Date { databases.map(\.moment).min() ?? Date() }

  /// - Parameter root: the volume, absolute and with links followed.
  /// - Throws: what `DatabaseSnapshot.take` throws; `volume.no-database`.
  public static func take(_ root: String, options: SnapshotOptions) throws -> VolumeSnapshot {
    var taken: [DatabaseLocation: DatabaseSnapshot] = [:]
    for _ in 0..<5 {
      let contents = try VolumeContents(of: root, oneFileSystem: options.oneFileSystem)
      guard !contents.databases.isEmpty else { throw contents.noDatabase }
      try contents.refuseUnstorable()
      // Other volumes' snapshots are open by now.
      if taken.isEmpty { try DescriptorLimit.require(contents.heldFiles + DescriptorLimit.open(), for: root) }
      for location in contents.databases where taken[location] == nil {
        let layout = try DatabaseLayout.find(location, in: contents.tree)
        taken[location] = try DatabaseSnapshot.takeIfThere(location, layout: layout, options: options)
      }
      let databases = contents.databases.compactMap { taken[$0] }
      let beside = try VolumeReader(root: root, databases: databases, options: options).read()
      guard contents.areWhole(beside, databases) else { continue }
      return VolumeSnapshot(
        databases: databases, beside: beside, databaseItems: DatabaseItems(databases, root: root).items,
        others: contents.others(beside: databases))
    }
    throw GoudError(
      .snapshotUnstable, "databases came and went in \(root) faster than it could be read",
      hint: "try again when no checkpoint is being made in it", context: ["path": root])
  }

  /// The same, when files turned out to have changed between the looks at them and their storing.
  public func taking(late paths: Set<String>) throws -> VolumeSnapshot {
    var result = self
    result.beside = try beside.taking(late: paths)
    return result
  }
}

extension VolumeContents {
  /// Whether what was read after the databases were found holds those and no others: a checkpoint may have been made, or
  /// removed, meanwhile, and nobody stores a `CURRENT` that was not captured.
  func areWhole(_ beside: OtherFiles, _ captured: [DatabaseSnapshot]) -> Bool {
    let stored = beside.openers.intersection(beside.manifests).subtracting(otherDirectories)
    return captured.count == databases.count && stored.isEmpty
  }

  /// `others`, and directories whose files are a database's by their names, and belong to none.
  fileprivate func others(beside captured: [DatabaseSnapshot]) -> [OtherStore] {
    let used = Set(captured.flatMap(\.files).map(\.directory))
    let stray = candidates.filter { directory in
      directory.holdsTables && !directory.holdsManifest && !used.contains(directory.absolute)
        && !others.contains { $0.path == "." || directory.path.hasPrefix("\($0.path)/") }
    }
    return others + remains.map { OtherStore(path: $0.path, what: "a MANIFEST without CURRENT: no database") }
      + stray.map { OtherStore(path: $0.path, what: "tables of no database here, as a checkpoint leaves them") }
  }
}

extension DatabaseSnapshot {
  /// - Returns: nil when the database is gone.
  fileprivate static func takeIfThere(
    _ location: DatabaseLocation, layout: DatabaseLayout, options: SnapshotOptions
  ) throws -> DatabaseSnapshot? {
    do {
      return try take(location, layout: layout, options: options)
    } catch let error as GoudError where error.code == .volumeNoDatabase {
      return nil
    }
  }
}
