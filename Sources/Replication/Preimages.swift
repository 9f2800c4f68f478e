import GoudCore

// What Ed25519 signatures of the peer protocol are taken over. Specified in docs/replication.md; any change is a new
// version in the first line.

/// The rest of what an introduction says and signs, which the decisions do not need.
public struct IntroductionContext: Hashable, Sendable {
  /// 32 bytes.
  public var chain: [UInt8]
  public var schemaVersion: UInt32
  /// The authority's, 32 bytes.
  public var challenge: [UInt8]
  /// The follower's, 32 bytes.
  public var nonce: [UInt8]
  /// Milliseconds since 1970.
  public var clock: UInt64

  public init(chain: [UInt8], schemaVersion: UInt32, challenge: [UInt8], nonce: [UInt8], clock: UInt64) {
    self.chain = chain
    self.schemaVersion = schemaVersion
    self.challenge = challenge
    self.nonce = nonce
    self.clock = clock
  }
}

extension Introduction {
  /// Signed by the follower's validator key. The locator is not part of it: a wrong one only costs time.
  public func preimage(_ context: IntroductionContext) -> [UInt8] {
    var bytes = Preimage("goud introduction v1")
    bytes.fixed(context.challenge)
    bytes.fixed(context.chain)
    bytes.number(context.schemaVersion)
    bytes.text(node)
    bytes.fixed(context.nonce)
    bytes.number(context.clock)
    bytes.block(position.head)
    bytes.number(position.acknowledged)
    bytes.number(UInt8(position.standing == .member ? 1 : 0))
    bytes.short(position.beginning)
    bytes.number(position.promised)
    return bytes.bytes
  }
}

extension OpenEpoch {
  /// Signed by the authority's validator key, for one follower and one connection of it.
  /// - Parameters:
  ///   - follower: its node name.
  ///   - nonce: of the follower's introduction, 32 bytes.
  public func preimage(chain: [UInt8], follower: String, nonce: [UInt8]) -> [UInt8] {
    var bytes = Preimage("goud epoch v1")
    bytes.fixed(chain)
    bytes.text(follower)
    bytes.fixed(nonce)
    bytes.number(epoch.number)
    bytes.short(epoch.nonce)
    bytes.number(reign.number)
    bytes.short(reign.nonce)
    bytes.number(round)
    bytes.number(UInt8(standing == .member ? 1 : 0))
    bytes.short(beginning)
    switch demand {
    case .none: bytes.number(UInt8(0))
    case .rejoin: bytes.number(UInt8(1))
    case .join(let beginning):
      bytes.number(UInt8(2))
      bytes.short(beginning)
    }
    return bytes.bytes
  }
}

/// Fields one after the other; what has no fixed length is preceded by it, so that no two inputs share a preimage.
private struct Preimage {
  var bytes: [UInt8]

  init(_ purpose: String) { bytes = Array(purpose.utf8) + [0] }

  mutating func fixed(_ field: [UInt8]) { bytes += field }

  mutating func number(_ value: some FixedWidthInteger) {
    withUnsafeBytes(of: value.bigEndian) { bytes += $0 }
  }

  /// At most 255 bytes.
  mutating func short(_ field: [UInt8]) {
    number(UInt8(field.count))
    bytes += field
  }

  /// At most 65535 bytes of UTF-8.
  mutating func text(_ text: String) {
    number(UInt16(text.utf8.count))
    bytes += Array(text.utf8)
  }

  mutating func block(_ id: BlockID) {
    number(id.height)
    number(id.epoch)
    fixed(id.hash)
  }
}
