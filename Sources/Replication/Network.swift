/// Who the nodes are, and how many of them it takes. The same on every node.
public struct Network: Hashable, Sendable {
  /// Names in the order of genesis; the first is the authority. At least one.
  public let nodes: [String]
  /// On how many disks a block is synced before it is acknowledged. Majority by default; fewer (`WRITE_ACKS`) trades
  /// safety for availability, and then the authority's own disk is always one of them. Never more than a majority.
  public let acknowledgements: Int

  /// - Parameter acknowledgements: nil is a majority; other values are held between 1 and a majority.
  public init(nodes: [String], acknowledgements: Int? = nil) {
    precondition(!nodes.isEmpty, "a network has at least one node")
    let majority = nodes.count / 2 + 1
    self.nodes = nodes
    self.acknowledgements = min(max(acknowledgements ?? majority, 1), majority)
  }

  public var authority: String { nodes[0] }
  public var majority: Int { nodes.count / 2 + 1 }

  /// How many members, the authority itself among them, must have promised before it may lead, when its own disk
  /// counts. Two nodes: the authority alone, since its disk then holds every acknowledged block; otherwise the loss of
  /// the follower's volume could never be made good. It makes use of that only when the follower's disk does not count.
  public var membersToLead: Int { max(1, min(acknowledgements, nodes.count - 1)) }

  /// How many *other* members must have promised when the authority's own disk counts for nothing: enough that at
  /// least one holds any acknowledged block. More than there are: only an operator's override helps.
  public var othersToLead: Int { nodes.count - acknowledgements + 1 }

  /// On how many members' disks, a rejoining node's own not among them, a block produced after its return must be
  /// before the node counts again.
  var witnessesToAdmit: Int { membersToLead }

  /// Fewer acknowledgements than a majority: the authority's own disk must be one of them.
  var needsOwnDisk: Bool { 2 * acknowledgements <= nodes.count }
}
