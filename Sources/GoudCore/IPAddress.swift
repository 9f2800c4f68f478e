#if canImport(Glibc)
  import Glibc
#endif

/// An address of IPv4 or IPv6. An IPv4 address is held as IPv6 maps it (`::ffff:a.b.c.d`), so that a client is the same
/// one whichever socket it came in by.
public struct IPAddress: Hashable, Sendable, CustomStringConvertible {
  /// 16 bytes.
  public let bytes: [UInt8]

  private static let mapped: [UInt8] = [UInt8](repeating: 0, count: 10) + [0xff, 0xff]

  private init(bytes: [UInt8]) { self.bytes = bytes }

  /// - Parameter text: an address as `inet_pton` reads it; the zone of a link-local one (`%eth0`) is passed over.
  /// - Returns: nil for what is no address.
  public init?(_ text: some StringProtocol) {
    let text = String(text.prefix { $0 != "%" })
    var four = in_addr()
    if inet_pton(AF_INET, text, &four) == 1 {
      bytes = Self.mapped + withUnsafeBytes(of: four) { Array($0) }
      return
    }
    var six = in6_addr()
    guard inet_pton(AF_INET6, text, &six) == 1 else { return nil }
    bytes = withUnsafeBytes(of: six) { Array($0) }
  }

  public var isIPv4: Bool { bytes.starts(with: Self.mapped) }

  /// The address with nothing left behind its first `bits` bits, of 128.
  public func prefix(_ bits: Int) -> IPAddress {
    IPAddress(
      bytes: bytes.enumerated().map { index, byte in
        let kept = max(0, min(8, bits - 8 * index))
        return byte & UInt8(truncatingIfNeeded: 0xff00 >> kept)
      })
  }

  public var description: String {
    if isIPv4 { return bytes[12...].map { "\($0)" }.joined(separator: ".") }
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    _ = bytes.withUnsafeBytes { inet_ntop(AF_INET6, $0.baseAddress!, &text, socklen_t(text.count)) }
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

/// All addresses that begin alike: `10.0.0.0/8`, `2001:db8::/32`, or one address alone.
public struct IPNetwork: Hashable, Sendable, CustomStringConvertible {
  /// With nothing behind the prefix.
  public let address: IPAddress
  /// Of the 128 bits of `IPAddress`.
  public let bits: Int

  /// - Parameter text: `ADDRESS` or `ADDRESS/BITS`, with no bit set behind the prefix.
  /// - Returns: nil for anything else.
  public init?(_ text: some StringProtocol) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let address = parts.first.flatMap({ IPAddress($0) }) else { return nil }
    let width = address.isIPv4 && !parts[0].contains(":") ? 32 : 128
    var length = width
    if parts.count == 2 {
      guard parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let given = Int(parts[1]), given <= width else {
        return nil
      }
      length = given
    }
    bits = 128 - width + length
    guard address.prefix(bits) == address else { return nil }
    self.address = address
  }

  public init(of address: IPAddress, bits: Int) {
    self.bits = bits
    self.address = address.prefix(bits)
  }

  public func contains(_ other: IPAddress) -> Bool { other.prefix(bits) == address }

  public var description: String {
    if bits == 128 { return address.description }
    return address.isIPv4 && bits >= 96 ? "\(address)/\(bits - 96)" : "\(address)/\(bits)"
  }
}
