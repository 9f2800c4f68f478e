public import Foundation

/// How a network is doing, for `goud network status` and the manager's `/status`.
public struct NetworkStatus: Sendable, Codable {
  public struct Node: Sendable, Codable {
    public enum State: String, Sendable, Codable {
      /// Asked to be stopped, and gone.
      case stopped
      /// On its way to being stopped.
      case stopping
      case running
      /// Ended by itself; started again at `retryAt`.
      case waiting
    }

    public var name: String
    public var state: State
    public var pid: Int32?
    /// The id of its container.
    public var container: String?
    public var since: Date?
    /// How often it was started again after it had ended by itself, in this manager's life.
    public var restarts: Int
    /// How it last ended: `exit 13`, `signal 9`.
    public var lastExit: String?
    public var retryAt: Date?
    /// Seconds since that was seen; nil where there is no manager. More than one: what runs the nodes, a container engine,
    /// does not answer, and this is what was known before.
    public var age: Double?
    /// Where clients reach it.
    public var url: String
    public var volume: String
    /// nil when it does not answer.
    public var health: NodeHealth?
    /// Blocks that it lacks of what the authority, or else the longest chain, has acknowledged.
    public var lag: UInt64?

    public init(
      name: String, state: State, pid: Int32? = nil, container: String? = nil, since: Date? = nil, restarts: Int = 0,
      lastExit: String? = nil, retryAt: Date? = nil, age: Double? = nil, url: String, volume: String,
      health: NodeHealth? = nil,
      lag: UInt64? = nil
    ) {
      self.name = name
      self.state = state
      self.pid = pid
      self.container = container
      self.since = since
      self.restarts = restarts
      self.lastExit = lastExit
      self.retryAt = retryAt
      self.age = age
      self.url = url
      self.volume = volume
      self.health = health
      self.lag = lag
    }
  }

  /// What a watch of the volumes says (`goud backup watch`).
  public struct Watch: Sendable, Codable {
    /// Where it stores them.
    public var repository: String
    /// Every write that was acknowledged before is there; nil before its first backup.
    public var safe: Date?
    /// When it said so.
    public var noted: Date
    /// What would be lost with the site: of time, as far as the logs were read, and of the chain. nil is unknown.
    public var secondsAtRisk: Double?
    public var bytesAtRisk: Int64
    public var writesAtRisk: UInt64
    public var blocksAtRisk: UInt64?
    /// When its newest backup was taken that holds every volume, proven; nil when there was none.
    public var lastBackup: Date?
    /// The data at risk in words, with what is wrong.
    public var summary: String

    public init(
      repository: String, safe: Date?, noted: Date, secondsAtRisk: Double?, bytesAtRisk: Int64, writesAtRisk: UInt64,
      blocksAtRisk: UInt64?, lastBackup: Date?, summary: String
    ) {
      (self.repository, self.safe, self.noted, self.secondsAtRisk) = (repository, safe, noted, secondsAtRisk)
      (self.bytesAtRisk, self.writesAtRisk, self.blocksAtRisk) = (bytesAtRisk, writesAtRisk, blocksAtRisk)
      (self.lastBackup, self.summary) = (lastBackup, summary)
    }
  }

  public enum Condition: String, Sendable, Codable {
    /// Every node is healthy.
    case healthy
    /// Entries are acknowledged, but a node is missing, lagging or damaged.
    case degraded
    /// No entries are acknowledged.
    case down
    /// Nothing runs.
    case stopped
  }

  public var plan: NetworkPlan
  public var chain: String?
  public var condition: Condition
  /// The manager's process; nil when none runs.
  public var managerPid: Int32?
  /// Tells a manager from the one before it, whose process it may have.
  public var instance: String?
  public var nodes: [Node]
  /// nil: nothing is followed now.
  public var watch: Watch?

  public init(
    plan: NetworkPlan, chain: String?, managerPid: Int32?, instance: String? = nil, nodes: [Node], watch: Watch? = nil
  ) {
    self.watch = watch
    self.plan = plan
    self.chain = chain
    self.managerPid = managerPid
    self.instance = instance
    let authority = nodes.first?.health?.acknowledged?.height
    let longest = authority ?? nodes.compactMap { $0.health?.acknowledged?.height }.max()
    self.nodes = nodes.map { node in
      var node = node
      if let longest, let own = node.health?.acknowledged?.height { node.lag = longest > own ? longest - own : 0 }
      return node
    }
    condition = Self.condition(nodes)
  }

  private static func condition(_ nodes: [Node]) -> Condition {
    if nodes.allSatisfy({ $0.state == .stopped }) { return .stopped }
    guard nodes.first?.health?.status == "healthy" else { return .down }
    return nodes.allSatisfy { $0.health?.status == "healthy" && $0.health?.standing == "member" } ? .healthy : .degraded
  }
}
