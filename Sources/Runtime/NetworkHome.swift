import Foundation
import GoudCore
import Volumes

#if canImport(Glibc)
  import Glibc
#endif

/// Where an environment's network keeps things: `$GOUD_HOME/<environment>/`.
///
/// | path | what | mode |
/// |---|---|---|
/// | `volumes/<node>_data` | the nodes' volumes | 0700 |
/// | `network/` | `network.json`, `genesis.block`, `keys/<node>.validator_key` | 0700 |
/// | `run/` | `manager.sock`, `<node>.json`: what is running now | 0700 |
/// | `logs/` | `manager.log`, `<node>.log`, and older ones (`.1` … `.5`) | 0700 |
public struct NetworkHome: Sendable, Hashable {
  public let path: String

  public init(_ path: String) { self.path = path }

  public init(_ configuration: GoudConfiguration) {
    path = FileSystem.parent(of: configuration.volumesDirectory)
  }

  public var volumes: String { "\(path)/volumes" }
  public var network: String { "\(path)/network" }
  public var run: String { "\(path)/run" }
  public var logs: String { "\(path)/logs" }
  public var genesis: String { "\(network)/genesis.block" }
  public var record: String { "\(network)/network.json" }

  public func volume(_ node: String) -> String { "\(volumes)/\(node)_data" }
  public func key(_ node: String) -> String { "\(network)/keys/\(node).validator_key" }
  public func log(_ name: String) -> String { "\(logs)/\(name).log" }
  public func process(_ node: String) -> String { "\(run)/\(node).json" }

  /// Creates the directories that are missing, each mode 0700.
  public func create() throws {
    for directory in [path, volumes, run, logs] { try Self.create(directory) }
  }

  /// Creates a directory, mode 0700, and those above it that are missing.
  static func create(_ directory: String) throws {
    if mkdir(directory, 0o700) == 0 { return try FileSystem.synchronize(directory: FileSystem.parent(of: directory)) }
    switch errno {
    case EEXIST: return
    case ENOENT:
      try create(FileSystem.parent(of: directory))
      try create(directory)
    default: throw GoudError.system("create", directory)
    }
  }
}
