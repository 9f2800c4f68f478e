/// The rules of docs/chain.md that a block can be held against by itself and the block before it. Pure: no I/O, no
/// clock, no state.
public struct BlockRules: Sendable {
  public let genesis: Genesis
  /// The genesis block's hash.
  public let chain: BlockHash
  private let authority: SignatureCheck

  /// - Parameter block: block 0, which is checked here.
  public init(genesis block: Block) throws(ChainFault) {
    genesis = try Genesis(block: block)
    guard let key = SignatureCheck(key: genesis.authority.publicKey) else {
      throw ChainFault(.genesis, at: 0, "the authority's key is not one")
    }
    guard genesis.schemaVersion == ChainSchema.version else {
      throw ChainFault(
        .genesis, at: 0,
        "founded with schema version \(genesis.schemaVersion); this version of goud reads "
          + "\(ChainSchema.version)")
    }
    authority = key
    chain = block.hash
    guard block.epoch == 0, block.previous == .zero, block.chain == block.hash else {
      throw ChainFault(.genesis, at: 0, "a genesis block has no epoch and nothing before it")
    }
    try checkAlone(block)
  }

  /// Checks one block completely.
  /// - Parameter previous: the block before it.
  public func check(_ block: Block, after previous: BlockReference) throws(ChainFault) {
    try checkPlace(block, after: previous)
    try checkAlone(block)
  }

  /// What needs no other block: size, root, producer, signature, the form of each entry.
  /// - Returns: what its entries say, in their order.
  @discardableResult
  public func checkAlone(_ block: Block) throws(ChainFault) -> [Entry] {
    guard block.encoded.count <= BlockLimits.blockBytes else {
      throw ChainFault(.tooLarge, at: block.height, "\(block.encoded.count) bytes")
    }
    try checkNumbers(block)
    guard block.chain == chain else { throw ChainFault(.previous, at: block.height, "read as of another chain") }
    guard Merkle.root(of: block.entries) == block.merkleRoot else {
      throw ChainFault(.merkleRoot, at: block.height, "the Merkle root is not that of the entries")
    }
    guard block.producer == genesis.authority.publicKey else {
      throw ChainFault(.producer, at: block.height, "not made by the authority, \(genesis.authority.name)")
    }
    guard authority.isGood(block.signature, over: block.hash.bytes) else {
      throw ChainFault(.signature, at: block.height, "the signature is not the authority's")
    }
    return try block.entries.map { bytes throws(ChainFault) in
      let entry = try Entry(decoding: bytes, height: block.height)
      if case .genesis = entry, block.height > 0 {
        throw ChainFault(.entry, at: block.height, "a genesis entry above block 0")
      }
      return entry
    }
  }

  /// Numbers that leave room to count on from, whoever signed them.
  private func checkNumbers(_ block: Block) throws(ChainFault) {
    guard block.height <= BlockLimits.height else { throw ChainFault(.height, at: block.height, "too high") }
    guard block.epoch <= BlockLimits.epoch else {
      throw ChainFault(.epoch, at: block.height, "epoch \(block.epoch) is too high")
    }
    guard block.time <= BlockLimits.time else {
      throw ChainFault(.time, at: block.height, "\(block.time) ms is after the year 9999")
    }
  }

  /// What holds a block to the one before it: height, hash, epoch, time.
  public func checkPlace(_ block: Block, after previous: BlockReference) throws(ChainFault) {
    guard block.height == previous.height &+ 1, block.height > 0 else {
      throw ChainFault(.height, at: block.height, "follows block \(previous.height)")
    }
    guard block.previous == previous.hash else {
      throw ChainFault(.previous, at: block.height, "names another block before it than \(previous.hash)")
    }
    guard block.epoch >= previous.epoch else {
      throw ChainFault(.epoch, at: block.height, "epoch \(block.epoch) after epoch \(previous.epoch)")
    }
    guard block.time >= previous.time else {
      throw ChainFault(.time, at: block.height, "\(previous.time - block.time) ms earlier than the block before it")
    }
  }
}
