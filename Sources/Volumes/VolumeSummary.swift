public import GoudCore
import VolumeSnapshot

#if canImport(Glibc)
  import Glibc
#endif

/// One line of `goud volume list`.
public struct VolumeSummary: Sendable, Codable {
  public enum State: String, Sendable, Codable {
    /// A process has a database of it open.
    case open
    /// A database is there and nobody has it open.
    case stopped
    /// A restore runs or was interrupted: what it builds lies beside the volume.
    case restorePending = "restore pending"
    /// `CURRENT` is missing, or does not lead to a `MANIFEST`. `VolumeCheck` looks deeper than this.
    case damaged
    case noDatabase = "no database"
    /// This user may not look inside.
    case unreadable
  }

  public let name: String
  public let path: String
  /// Sum of the apparent sizes of its files.
  public let bytes: ByteCount
  /// What they take on the device.
  public let allocatedBytes: ByteCount
  public let files: Int
  /// Relative paths; `.` for the volume itself.
  public let databases: [String]
  public let state: State

  public init(_ volume: Volume, cancellation: Cancellation = Cancellation()) throws {
    do {
      let inventory = try VolumeInventory(of: volume.path, cancellation: cancellation)
      let locations = try volume.locations()
      self.init(volume, inventory, locations, try State(volume, locations))
    } catch let error as GoudError where error.code == .ioPermission {
      self.init(volume, nil, [], .unreadable)
    }
  }

  private init(_ volume: Volume, _ inventory: VolumeInventory?, _ locations: [DatabaseLocation], _ state: State) {
    name = volume.name
    path = volume.path
    bytes = inventory?.bytes ?? .zero
    allocatedBytes = inventory?.allocated ?? .zero
    files = inventory?.files ?? 0
    databases = locations.map(\.path)
    self.state = state
  }
}

extension Volume {
  /// Its databases and what is left of databases; none is no error.
  func locations() throws -> [DatabaseLocation] {
    try DatabaseLocation.find(in: path) + DatabaseLocation.remains(in: path)
  }
}

extension VolumeSummary.State {
  /// From what is quickly seen: the names in the directories, `CURRENT`, and who holds `LOCK`.
  init(_ volume: Volume, _ locations: [DatabaseLocation]) throws {
    if try volume.hasPendingRestore() {
      self = .restorePending
    } else if locations.isEmpty {
      self = .noDatabase
    } else if try !locations.allSatisfy({ try Self.leadsToManifest($0, of: volume) }) {
      self = .damaged
    } else {
      self = try locations.contains { try DatabaseLock.holder(of: $0.directory) != nil } ? .open : .stopped
    }
  }

  /// Whether `CURRENT` names a `MANIFEST` that is there. A live database may switch between the two looks, so a miss
  /// is looked at again.
  private static func leadsToManifest(_ location: DatabaseLocation, of volume: Volume) throws -> Bool {
    guard let place = try UntrustedDirectory(root: volume.path).directory(location.path, others: .absent) else {
      return false
    }
    for _ in 0..<3 {
      guard let current = try place.file("CURRENT", others: .absent) else { return false }
      let name = String(decoding: try current.readAll(limit: 4096), as: UTF8.self)
      guard name.hasSuffix("\n"), case .manifest = DatabaseFileName(String(name.dropLast())) else { return false }
      if try place.status(String(name.dropLast()))?.isRegular == true { return true }
    }
    return false
  }
}
