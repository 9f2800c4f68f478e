import CSodium

/// What tells one key from another at a glance: eight bytes that a key pair carries. A name, and no proof of anything.
public struct KeyID: Sendable, Hashable, CustomStringConvertible {
  static let count = 8

  let bytes: [UInt8]

  /// - Parameter bytes: eight.
  init(_ bytes: some Collection<UInt8>) { self.bytes = Array(bytes) }

  /// As minisign writes it: a little-endian number in capital hexadecimal digits, sixteen at most.
  public var description: String {
    String(bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }, radix: 16, uppercase: true)
  }
}

extension KeyID: Encodable {
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}
