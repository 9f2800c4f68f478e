import Archive

/// What a repair will do, and why that way.
public struct RepairPlan: Sendable, Codable {
  public let node: String
  /// The volume.
  public let path: String
  /// The archive that it is rebuilt from; nil: from peers.
  public let backup: String?
  /// How long each way would take; nil for a way that was not to be chosen, or that nothing here can measure.
  public let peers: RepairEstimate?
  public let fromBackup: RepairEstimate?
  /// `validator_key from the damaged volume`
  public let kept: [String]
  /// Secrets that the node makes anew when it starts.
  public let lost: [String]
}

/// What a repair did.
public struct RepairReport: Sendable, Codable {
  public let plan: RepairPlan
  /// What is left of the damaged volume; nil when there was nothing.
  public let safetyCopy: String?
  /// Of the volume as it is now; the network brings it to its own height.
  public let height: Int64?
  /// `rejoining`; `member` only where the network has no other node.
  public let standing: String?
  public let warnings: [String]

  init(_ plan: RepairPlan, _ report: RestoreReport) {
    self.plan = plan
    safetyCopy = report.volumes.first?.safetyCopy
    height = report.volumes.first?.chain?.height
    standing = report.volumes.first?.standing
    warnings = report.notes + report.warnings
  }
}
