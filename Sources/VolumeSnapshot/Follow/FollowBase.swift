import GoudCore
import RocksDB

#if canImport(Glibc)
  import Glibc
#endif

/// Where to begin to follow the logs of a database: what a proven snapshot of it holds.
public struct FollowBase: Sendable {
  public let location: DatabaseLocation
  let layout: DatabaseLayout
  /// How much of each log is in the snapshot, by the log's number.
  let logs: [UInt64: Int64]
  /// Of the newest write in the snapshot.
  let sequence: UInt64
  let manifest: (name: String, identity: FileIdentity, size: Int64)
}

extension DatabaseSnapshot {
  /// - Returns: nil for a snapshot that is not proven, behind which there is nothing to go by.
  public var followBase: FollowBase? {
    guard let view, unproven.isEmpty else { return nil }
    var logs: [UInt64: Int64] = [:]
    var manifest: (String, FileIdentity, Int64)?
    for file in files {
      switch DatabaseFileName(file.name) {
      case .log(let number): logs[number] = file.size
      case .manifest: manifest = (file.name, file.status.identity, file.size)
      default: break
      }
    }
    return manifest.map {
      FollowBase(location: location, layout: layout, logs: logs, sequence: view.sequence, manifest: $0)
    }
  }
}
