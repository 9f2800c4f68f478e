public import GoudCore
import Layout
import VolumeSnapshot

#if canImport(Glibc)
  import Glibc
#endif

/// The files of a volume by kind. Sizes are apparent sizes (what `ls -l` shows and a backup has to carry); a file with
/// several names counts once; links are not followed. What vanishes
/// meanwhile is left out, and so are the file system's own `lost+found` and what restores keep in the root of a mount
/// point.
public struct VolumeInventory: Sendable {
  public enum Kind: String, Sendable, Codable, CaseIterable {
    case tables, blobs, logs, manifest, options
    case infoLogs = "info logs"
    case secrets, other

    /// By its name alone.
    init(_ name: String) {
      switch DatabaseFileName(name) {
      case .table: self = .tables
      case .blob: self = .blobs
      case .log: self = .logs
      case .manifest, .current: self = .manifest
      case .options: self = .options
      case .bystander: self = name.hasPrefix("LOG") ? .infoLogs : .other
      case .identity: self = .other
      case .foreign: self = name.hasSuffix("_secret") || name.hasSuffix("_key") ? .secrets : .other
      }
    }
  }

  public struct Share: Sendable, Codable, Equatable {
    public let kind: Kind
    public var files = 0
    public var bytes = ByteCount.zero
  }

  /// A file that only its owner should read: `jwt_secret`, `session_secret`, `validator_key`, any `…_key`.
  public struct Secret: Sendable, Codable, Equatable {
    /// Relative to the volume.
    public let path: String
    public let mode: UInt32
    public let owner: UInt32
  }

  /// Every kind, in the order of `Kind`.
  public private(set) var shares = Kind.allCases.map { Share(kind: $0) }
  /// Sorted by path.
  public private(set) var secrets: [Secret] = []
  /// What the files take on the device; below `bytes` for sparse files, above it for small ones.
  public private(set) var allocated = ByteCount.zero

  public var files: Int { shares.reduce(0) { $0 + $1.files } }
  public var bytes: ByteCount { shares.reduce(.zero) { $0 + $1.bytes } }

  /// Walks the directory at `root`, of any depth.
  public init(of root: String, cancellation: Cancellation = Cancellation()) throws {
    var seen: Set<FileIdentity> = []
    var pending = [""]
    while let directory = pending.popLast() {
      try cancellation.check()
      for name in try Self.names(in: "\(root)/\(directory)") {
        let path = directory.isEmpty ? name : "\(directory)/\(name)"
        guard let status = try FileSystem.status("\(root)/\(path)") else { continue }
        if directory.isEmpty && RestoreName.isWork(inRoot: name) { continue }
        if status.isDirectory && path != "lost+found" { pending.append(path) }
        guard status.isRegular, status.st_nlink == 1 || seen.insert(status.identity).inserted else { continue }
        add(path, Kind(name), status)
      }
    }
    secrets.sort { $0.path < $1.path }
  }

  private mutating func add(_ path: String, _ kind: Kind, _ status: stat) {
    let index = Kind.allCases.firstIndex(of: kind)!
    shares[index].files += 1
    shares[index].bytes += ByteCount(status.st_size)
    allocated += ByteCount(status.st_blocks * 512)
    guard kind == .secrets else { return }
    secrets.append(Secret(path: path, mode: status.st_mode & 0o7777, owner: status.st_uid))
  }

  private static func names(in directory: String) throws -> [String] {
    do {
      return try FileSystem.names(in: directory)
    } catch let error as GoudError where error.systemErrno == ENOENT {
      return []
    }
  }
}
