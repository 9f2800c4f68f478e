import Crypto
import GoudCore

/// What an object of a repository is called by: the SHA-256 of its bytes. A blob's is of its plain bytes, any other
/// object's of the bytes that are stored.
///
/// As text, and in JSON, 64 lower-case hexadecimal digits. Ordered as its bytes are.
public struct ObjectID: Hashable, Sendable, Comparable, CustomStringConvertible {
  /// Bytes in an identifier.
  public static let count = 32

  /// The bytes as four big-endian numbers.
  private let words: (UInt64, UInt64, UInt64, UInt64)

  /// - Parameter bytes: exactly 32; else nil.
  public init?(_ bytes: some Sequence<UInt8>) {
    var words: [UInt64] = [0, 0, 0, 0]
    var count = 0
    for byte in bytes {
      guard count < Self.count else { return nil }
      words[count / 8] = words[count / 8] << 8 | UInt64(byte)
      count += 1
    }
    guard count == Self.count else { return nil }
    self.words = (words[0], words[1], words[2], words[3])
  }

  /// - Parameter bytes: at least 32; those after them are not looked at.
  init(reading bytes: UnsafeRawBufferPointer) {
    func word(_ index: Int) -> UInt64 {
      UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self))
    }
    words = (word(0), word(1), word(2), word(3))
  }

  /// - Parameter hex: exactly 64 lower-case digits; else nil.
  public init?(hex: some StringProtocol) {
    guard let bytes = Hex.bytes(hex) else { return nil }
    self.init(bytes)
  }

  public init(sha256Of bytes: UnsafeRawBufferPointer) {
    self.init(SHA256.hash(data: bytes))
  }

  public init(sha256Of bytes: [UInt8]) {
    self = bytes.withUnsafeBytes { ObjectID(sha256Of: $0) }
  }

  init(_ digest: SHA256.Digest) {
    self = digest.withUnsafeBytes { ObjectID(reading: $0) }
  }

  /// The 32 bytes.
  public var bytes: [UInt8] {
    withUnsafeBytes(of: bigEndian) { Array($0) }
  }

  /// The first eight bytes, which are as random as all of them.
  var prefix: UInt64 { words.0 }

  /// 64 lower-case hexadecimal digits.
  public var hex: String { withUnsafeBytes(of: bigEndian) { Hex.text($0) } }

  public var description: String { hex }

  /// The first eight digits, as restic prints them.
  public var short: String { String(hex.prefix(8)) }

  public static func == (one: ObjectID, other: ObjectID) -> Bool { one.words == other.words }

  public static func < (one: ObjectID, other: ObjectID) -> Bool { one.words < other.words }

  /// A digest is as good as any hash of it.
  public func hash(into hasher: inout Hasher) { hasher.combine(words.0) }

  private var bigEndian: (UInt64, UInt64, UInt64, UInt64) {
    (words.0.bigEndian, words.1.bigEndian, words.2.bigEndian, words.3.bigEndian)
  }
}

extension ObjectID: Codable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let id = ObjectID(hex: try container.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "not 64 lower-case hexadecimal digits")
    }
    self = id
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(hex)
  }
}
