extension ChainReader {
  /// Ids from which another node finds what it has in common with this chain: the head, then 1, 2, 4, 8 … back, last
  /// genesis. At most 66.
  public var locator: [BlockID] {
    var ids: [BlockID] = []
    var height = head.height
    var step: UInt64 = 1
    while let id = block(at: height) {
      ids.append(id)
      if height == 0 { break }
      let back = head.height - height
      step = back == 0 ? 1 : back
      height -= min(step, height)
    }
    return ids
  }

  /// The highest block of a locator that is in this chain; nil when not even genesis is.
  func common(with locator: [BlockID]) -> BlockID? {
    locator.first { block(at: $0.height) == $0 }
  }
}

/// What `blocks`, which stand on a block of this chain, change in it.
enum Extension: Equatable {
  /// All of them are there.
  case none
  /// Those from `first` on are new; everything above `keep` gives way.
  case new(first: Int, keep: UInt64)

  init(_ blocks: [BlockID], on chain: some ChainReader) {
    guard let first = blocks.indices.first(where: { chain.block(at: blocks[$0].height) != blocks[$0] }) else {
      self = .none
      return
    }
    self = .new(first: first, keep: blocks[first].height.above(1))
  }
}

extension [BlockID] {
  /// Whether these blocks can stand on `previous`: heights without a gap, epochs that never fall nor exceed `limit`.
  func follow(_ previous: BlockID, upTo limit: UInt64) -> Bool {
    var last = previous
    for block in self {
      guard block.height.above(last.height) == 1, block.epoch >= last.epoch, block.epoch <= limit else { return false }
      last = block
    }
    return true
  }
}
