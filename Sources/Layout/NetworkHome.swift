/// Where an environment's network keeps things: `$GOUD_HOME/<environment>/`.
///
/// | path | what | mode |
/// |---|---|---|
/// | `volumes/<node>_data` | the nodes' volumes | 0700 |
/// | `network/` | `network.json`, `genesis.block`, `keys/<node>.validator_key` | 0700 |
/// | `network/progress/<node>/` | `progress.json`, `stored`: how far the node has come | 0700 |
/// | `run/` | `manager.sock`, `<node>.json`: what is running now | 0700 |
/// | `backup-runs.json`, `.backup-runs.lock` | the record of backup runs | 0600 |
/// | `registration_token` | what new accounts are made with, where `REGISTRATION` is `token` | 0600 |
/// | `logs/` | `manager.log`, `<node>.log`, and older ones (`.1` … `.5`) | 0700 |
public struct NetworkHome: Sendable, Hashable {
  public let path: String

  public init(_ path: String) { self.path = path }

  public var volumes: String { "\(path)/volumes" }
  public var network: String { "\(path)/network" }
  public var run: String { "\(path)/run" }
  public var logs: String { "\(path)/logs" }
  public var genesis: String { founded.genesis }
  public var record: String { founded.record }
  private var founded: FoundedName { FoundedName(in: network) }

  public var backupRuns: String { "\(path)/backup-runs.json" }
  public var backupRunsLock: String { "\(path)/.backup-runs.lock" }
  /// What a watch of the volumes says of itself, and what keeps a second one out.
  public var watchStatus: String { "\(path)/watch.json" }
  public var watchLock: String { "\(path)/.watch.lock" }

  public var registrationToken: String { "\(path)/registration_token" }

  public func volume(_ node: String) -> String { "\(volumes)/\(node)_data" }
  public func key(_ node: String) -> String { founded.key(node) }
  /// Where a node keeps what is known of it outside of its volume; made by whoever starts it.
  public func progress(_ node: String) -> String { "\(network)/progress/\(node)" }
  public func log(_ name: String) -> String { "\(logs)/\(name).log" }
  public func process(_ node: String) -> String { "\(run)/\(node).json" }
}

/// What a founding has made, in `network/`.
public struct FoundedName: Sendable, Hashable {
  public let directory: String

  public init(in directory: String) { self.directory = directory }

  public var genesis: String { "\(directory)/genesis.block" }
  public var record: String { "\(directory)/network.json" }
  public var keys: String { "\(directory)/keys" }
  public func key(_ node: String) -> String { "\(keys)/\(node).\(VolumeName.validatorKey)" }
}
