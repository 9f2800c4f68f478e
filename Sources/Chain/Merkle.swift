import Crypto

/// The tree hash of RFC 6962, section 2.1, over SHA-256.
public enum Merkle {
  /// The root over `leaves` in their order; SHA-256 of nothing when there are none.
  ///
  /// A leaf is hashed behind 0x00 and a pair of nodes behind 0x01, so that no leaf passes for a node.
  public static func root(of leaves: [[UInt8]]) -> BlockHash {
    guard !leaves.isEmpty else { return BlockHash(digest: SHA256.hash(data: [UInt8]())) }
    // Complete subtrees seen so far, largest first: as many as the number of leaves has bits set.
    var subtrees: [(size: Int, hash: SHA256.Digest)] = []
    for leaf in leaves {
      subtrees.append((1, hash(leaf: leaf)))
      while subtrees.count >= 2, subtrees[subtrees.count - 1].size == subtrees[subtrees.count - 2].size {
        join(&subtrees)
      }
    }
    while subtrees.count >= 2 { join(&subtrees) }
    return BlockHash(digest: subtrees[0].hash)
  }

  private static func hash(leaf: [UInt8]) -> SHA256.Digest {
    var state = SHA256()
    state.update(data: [0] as [UInt8])
    leaf.withUnsafeBytes { state.update(bufferPointer: $0) }
    return state.finalize()
  }

  private static func join(_ subtrees: inout [(size: Int, hash: SHA256.Digest)]) {
    let right = subtrees.removeLast()
    let left = subtrees.removeLast()
    var state = SHA256()
    state.update(data: [1] as [UInt8])
    left.hash.withUnsafeBytes { state.update(bufferPointer: $0) }
    right.hash.withUnsafeBytes { state.update(bufferPointer: $0) }
    subtrees.append((left.size + right.size, state.finalize()))
  }
}
