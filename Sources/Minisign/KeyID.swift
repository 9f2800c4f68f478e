import CSodium

/// What tells one key from another at a glance: eight bytes that a key pair carries. A name, and no proof of anything.
public struct KeyID: Sendable, Hashable, CustomStringConvertible {
  static let count = 8

  let bytes: [UInt8]

  /// - Parameter bytes: eight.
  init(_ bytes: some Collection<UInt8>) { self.bytes = Array(bytes) }

  /// As minisign writes it: sixteen capital hexadecimal digits of a little-endian number.
  public var description: String {
    bytes.reversed().map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }.joined()
  }
}

extension KeyID: Encodable {
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}
