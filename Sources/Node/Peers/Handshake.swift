import Chain
import Crypto

/// How both ends of a stream prove who they are: each signs what the other has just drawn at random.
///
/// Nothing else is authenticated, and nothing is encrypted: whoever can rewrite the packets of the peers' network can
/// take a stream over (docs/threat-model.md: a private network). Blocks carry the authority's signature of their own.
enum Handshake {
  /// What a follower signs: `goud introduction v1`, 0, chain (32), the authority's challenge (32), its own nonce (32), its name.
  static func introduction(chain: [UInt8], challenge: [UInt8], nonce: [UInt8], node: String) -> [UInt8] {
    preimage("goud introduction v1", [chain, challenge, nonce, Array(node.utf8)])
  }

  /// What the authority signs: `goud open epoch v1`, 0, chain (32), the follower's nonce (32), epoch (u64 BE), the epoch's
  /// nonce (16), the follower's name.
  static func openEpoch(
    chain: [UInt8], nonce: [UInt8], epoch: UInt64, epochNonce: [UInt8], follower: String
  ) -> [UInt8] {
    let number = (0..<8).map { UInt8(truncatingIfNeeded: epoch >> (56 - 8 * $0)) }
    return preimage("goud open epoch v1", [chain, nonce, number, epochNonce, Array(follower.utf8)])
  }

  /// What a node that hands on an entry signs: `goud submit v1`, 0, chain (32), SHA-256 of the entry (32), its name.
  static func submission(chain: [UInt8], entry: [UInt8], node: String) -> [UInt8] {
    preimage("goud submit v1", [chain, Array(SHA256.hash(data: entry)), Array(node.utf8)])
  }

  /// 32 random bytes.
  static func nonce() -> [UInt8] { (0..<32).map { _ in UInt8.random(in: .min ... .max) } }

  /// Every part but the last has a fixed length, so that no two lists of parts give the same bytes.
  private static func preimage(_ purpose: String, _ parts: [[UInt8]]) -> [UInt8] {
    Array(purpose.utf8) + [0] + parts.joined()
  }
}
