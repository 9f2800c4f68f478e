public import Replication

/// Where an entry is in the chain.
public struct EntryPlace: Hashable, Sendable {
  public let block: BlockID
  /// From 0, within its block.
  public let index: Int

  public init(block: BlockID, index: Int) {
    self.block = block
    self.index = index
  }
}
