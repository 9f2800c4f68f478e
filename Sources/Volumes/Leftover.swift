public import GoudCore
import Layout

#if canImport(Glibc)
  import Glibc
#endif

/// Something that a run of Goud left beside a volume or among the backups.
public struct Leftover: Sendable, Codable, Equatable {
  public enum Kind: String, Sendable, Codable {
    /// Of a restore that runs or was interrupted: `.NAME.restore-…`, `.NAME.swapping-…`, `.goud-restore-…` in a mount
    /// point, or the marker in the volume.
    case staging
    /// `.NAME.replaced-…`, or `.goud-replaced-…` in a mount point: what a restore replaced, kept on purpose.
    case safetyCopy = "safety-copy"
    /// What was being written or deleted by a run that is gone.
    case temporary

    init(_ neighbour: RestoreName) {
      switch neighbour {
      case .restore, .swapping: self = .staging
      case .replaced: self = .safetyCopy
      case .discarded: self = .temporary
      }
    }
  }

  public let kind: Kind
  /// Absolute.
  public let path: String
  public let bytes: ByteCount

  public init(kind: Kind, path: String, bytes: ByteCount) {
    self.kind = kind
    self.path = path
    self.bytes = bytes
  }

  /// What lies beside the volume, sorted by path, and the marker of a restore in it.
  public static func find(beside volume: Volume, cancellation: Cancellation = Cancellation()) throws -> [Leftover] {
    let parent = FileSystem.parent(of: volume.path)
    let own = ".\(FileSystem.name(of: volume.path))"
    let temporaries = try Leftovers(in: parent).list().map(\.text)
      .filter { $0.hasPrefix(own) || $0.hasPrefix(".\(own)") }
    let neighbours = try volume.neighbours().filter { !temporaries.contains(FileSystem.name(of: $0.path)) }
    var found = neighbours.map { (Kind($0.kind), $0.path) }
    found += temporaries.map { (.temporary, "\(parent)/\($0)") }
    let marker = "\(volume.path)/\(Volume.restoreMarker)"
    if try FileSystem.status(marker) != nil { found.append((.staging, marker)) }
    return try found.sorted { $0.1 < $1.1 }.map { try Leftover($0.0, $0.1, cancellation) }
  }

  /// What killed runs left in a directory that may not exist.
  public static func temporaries(in directory: String) throws -> [Leftover] {
    guard try FileSystem.status(directory) != nil else { return [] }
    return try Leftovers(in: directory).list()
      .map { try Leftover(.temporary, "\(directory)/\($0.text)", Cancellation()) }
  }

  private init(_ kind: Kind, _ path: String, _ cancellation: Cancellation) throws {
    let status = try FileSystem.status(path)
    let bytes =
      status?.isDirectory == true
      ? try VolumeInventory(of: path, cancellation: cancellation).bytes : ByteCount(status?.st_size ?? 0)
    self.init(kind: kind, path: path, bytes: bytes)
  }
}
