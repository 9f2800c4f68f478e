import Crypto

/// What a block's hash covers: everything but the signature, the entries by their Merkle root and number.
struct BlockHeader: Sendable, Equatable {
  /// Zeros in the genesis block, whose hash is the chain's id.
  var chain: BlockHash
  var height: UInt64
  var epoch: UInt64
  var time: UInt64
  var previous: BlockHash
  var merkleRoot: BlockHash
  var entryCount: UInt32
  /// 32 bytes.
  var producer: [UInt8]

  static let domain = Array("goud block v1".utf8) + [0]
  static let preimageCount = 14 + 32 + 3 * 8 + 32 + 32 + 4 + 32

  /// The 170 bytes of docs/chain.md; every number big-endian.
  var preimage: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Self.preimageCount)
    bytes += Self.domain
    bytes += chain.bytes
    bytes.append(bigEndian: height)
    bytes.append(bigEndian: epoch)
    bytes.append(bigEndian: time)
    bytes += previous.bytes
    bytes += merkleRoot.bytes
    bytes.append(bigEndian: entryCount)
    bytes += producer
    return bytes
  }

  var hash: BlockHash { BlockHash(digest: SHA256.hash(data: preimage)) }
}

extension [UInt8] {
  mutating func append<Number: FixedWidthInteger>(bigEndian number: Number) {
    for shift in stride(from: Number.bitWidth - 8, through: 0, by: -8) {
      append(UInt8(truncatingIfNeeded: number >> Number(shift)))
    }
  }

  /// - Returns: nil when there are too few bytes behind `offset`.
  func bigEndian<Number: FixedWidthInteger>(_ type: Number.Type = Number.self, at offset: Int = 0) -> Number? {
    guard offset >= 0, offset + Number.bitWidth / 8 <= count else { return nil }
    return self[offset..<offset + Number.bitWidth / 8].reduce(0) { $0 << 8 | Number($1) }
  }
}
