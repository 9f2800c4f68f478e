import Chain
public import Foundation
public import GoudCore
import Layout
import VolumeSnapshot

#if canImport(Glibc)
  import Glibc
#endif

/// Everything that `goud volume inspect` shows of a volume.
public struct VolumeInspection: Sendable, Codable {
  public let name: String
  public let path: String
  public let state: VolumeSummary.State
  public let owner: UInt32
  public let group: UInt32
  /// Permission bits in octal: `0750`.
  public let mode: String
  /// Sum of the apparent sizes of its files, and what they take on the device.
  public let bytes: ByteCount
  public let allocatedBytes: ByteCount
  public let files: [VolumeInventory.Share]
  public let secrets: [VolumeInventory.Secret]
  public let fileSystem: Room
  public let usedPercent: Double
  public let backing: VolumeBacking
  /// The run of Goud that uses the volume now.
  public let usedBy: LockHolder?
  public let databases: [DatabaseInspection]
  /// Of a node's volume: whether its disk counts in the network, `member` or `rejoining`; `unreadable` when that cannot
  /// be told; nil for a volume without a chain.
  public let standing: String?
  public let leftovers: [Leftover]
  public let lastBackup: LastBackup?
}

/// Looks at volumes for `inspect` and `check`, with what both need.
public struct VolumeInspector: Sendable {
  public let configuration: GoudConfiguration
  /// Outside the volumes, with room for their logs; nil: a private place (`PrivatePlace`).
  public var scratch: String?
  /// Of each volume the newest backup that is no archive, as far as this machine has noted one.
  public var noted: [String: LastBackup] = [:]
  public var cancellation = Cancellation()

  public init(_ configuration: GoudConfiguration) { self.configuration = configuration }

  /// The backups that the environment's volumes could be restored from. Reads the head of every archive.
  public func recoveryPoints(now: Date = Date()) throws -> RecoveryPoints {
    RecoveryPoints(
      try BackupCatalog(configuration).list(), of: configuration.environment,
      counting: [.complete, .unproven, .sealed], now: now)
  }

  /// - Parameter points: nil: they are looked for.
  /// - Returns: what could be seen, and the first fault of a database; the caller reports it.
  public func inspect(_ volume: Volume, points: RecoveryPoints? = nil) throws -> (VolumeInspection, fault: GoudError?) {
    guard let root = try FileSystem.status(volume.path) else {
      throw GoudError(.volumeNotFound, "\(volume.path) is not there any more")
    }
    let inventory = try VolumeInventory(of: volume.path, cancellation: cancellation)
    let locations = try volume.locations()
    let looks = try locations.map {
      try DatabaseInspection.look($0, of: volume, scratch: scratch, cancellation: cancellation)
    }
    let room = try FileSystem.room(at: volume.path)
    let inspection = VolumeInspection(
      name: volume.name, path: volume.path, state: try VolumeSummary.State(volume, locations), owner: root.st_uid,
      group: root.st_gid, mode: "0" + String(root.st_mode & 0o7777, radix: 8), bytes: inventory.bytes,
      allocatedBytes: inventory.allocated, files: inventory.shares, secrets: inventory.secrets, fileSystem: room,
      usedPercent: room.usedPercent, backing: try VolumeBacking(volume, configuration),
      usedBy: try volume.restoreHolder() ?? DirectoryLock.holder(of: volume.path),
      databases: looks.map(\.0),
      standing: looks.contains { $0.0.chain != nil } ? Self.standing(volume) : nil,
      leftovers: try Leftover.find(beside: volume, cancellation: cancellation),
      lastBackup: lastBackup(of: volume, try points ?? recoveryPoints()))
    return (inspection, looks.compactMap(\.1).first)
  }

  /// One that was noted later than now counts for nothing, like such an archive.
  private func lastBackup(of volume: Volume, _ points: RecoveryPoints) -> LastBackup? {
    let noted = noted[volume.name].flatMap { $0.timestamp.isAhead(of: Date()) ? nil : $0 }
    return [LastBackup(of: volume.name, in: points), noted].compactMap { $0 }.max { $0.timestamp < $1.timestamp }
  }

  /// What `VolumeCheck` decides on.
  public func facts(
    _ volume: Volume, points: RecoveryPoints? = nil, now: Date = Date()
  ) throws -> VolumeFacts {
    let (seen, _) = try inspect(volume, points: points)
    return VolumeFacts(
      volume: volume.name, owner: seen.owner, fileSystem: seen.fileSystem, bytes: seen.bytes,
      backupDirectory: configuration.backupDirectory,
      backupRoom: try FileSystem.room(at: Self.nearest(configuration.backupDirectory)), backing: seen.backing,
      databases: seen.databases.map { VolumeFacts.Database(path: $0.path, tables: $0.tables ?? 0, fault: $0.fault) },
      secrets: seen.secrets, leftovers: seen.leftovers, restoreRunning: try volume.restoreHolder() != nil,
      restorePlace: try RestorePlace(of: volume),
      lastBackup: seen.lastBackup, now: now)
  }

  private static func standing(_ volume: Volume) -> String {
    (try? VolumeStanding.read(in: volume.path))?.standing.rawValue ?? "unreadable"
  }

  /// The path, or the nearest directory above it that exists.
  private static func nearest(_ path: String) -> String {
    var path = path
    while path != "/" && FileSystem.realPath(path) == nil { path = FileSystem.parent(of: path) }
    return path
  }
}
