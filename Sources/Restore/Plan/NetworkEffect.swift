import Archive
import Backup
import Chain
import GoudCore

/// What a restore means for a network, by the chains of what it restores.
public struct NetworkEffect: Sendable, Equatable {
  /// The volumes that hold the network's chain.
  public let volumes: [String]
  /// The nodes of the network that this run does not restore.
  public let missing: [String]
  /// Height of the longest chain, before it is cut to `--height`.
  public let height: Int64
  /// Where the chain is cut; nil: nowhere.
  public let cut: Int64?
  /// Whether the volumes are members of a new beginning; otherwise they rejoin the network as it is.
  public let begins: Bool

  /// - Returns: nil when no volume holds a chain.
  /// - Throws: `usage.invalid` where `--height` or `--new-beginning` do not fit; `chain.not-a-ledger`.
  init?(_ chains: [(volume: String, chain: BackupMetadata.Chain)], _ request: RestoreRequest) throws {
    guard let first = chains.first else {
      guard request.height == nil, !request.newBeginning else {
        throw GoudError(
          .chainNotALedger, "the backup holds no chain", hint: "leave out --height and --new-beginning")
      }
      return nil
    }
    let restored = Set(chains.map { NodeName.of($0.volume) })
    let nodes = first.chain.validators
    volumes = chains.map(\.volume)
    missing = nodes.filter { !restored.contains($0) }
    height = chains.map(\.chain.height).max() ?? 0
    cut = request.height.map { Int64(clamping: $0) }
    begins = missing.isEmpty || request.newBeginning
    try refuseMinority(nodes.count, request)
    try refuseHeight(request)
  }

  private func refuseMinority(_ nodes: Int, _ request: RestoreRequest) throws {
    guard request.newBeginning, nodes - missing.count <= nodes / 2 else { return }
    throw GoudError(
      .usage, "\(nodes - missing.count) of \(nodes) nodes are no majority to begin anew with",
      hint: "restore more of them in one run, or leave --new-beginning out and let them rejoin the others")
  }

  private func refuseHeight(_ request: RestoreRequest) throws {
    guard let asked = request.height else { return }
    guard begins else {
      throw GoudError(
        .usage,
        "a chain is cut for the whole network only: the others would feed the blocks again "
          + "(not restored: \(missing.joined(separator: ", ")))",
        hint: "restore every node in one run, or pass --new-beginning with most of them",
        context: ["missing": missing.joined(separator: " ")])
    }
    guard asked <= UInt64(clamping: height) else {
      throw GoudError(
        .usage, "the backup's chain ends at block \(height), below \(asked)",
        hint: "pass --height \(height) or less, or name a later backup", context: ["height": "\(height)"])
    }
  }
}
