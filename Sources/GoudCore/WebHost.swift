#if canImport(Glibc)
  import Glibc
#endif

/// The host and port that a request is for, as a `Host` field or a URL has them: `localhost:8080`, `[::1]`.
public struct WebHost: Hashable, Sendable {
  /// In lower case, without brackets, and without the dot that a complete name may end in.
  public let host: String
  /// nil: the scheme's own.
  public let port: UInt16?
  /// Whether it is written as an address, so that no name service had a say in where it leads.
  public let isAddress: Bool

  /// - Returns: nil for what is no host: nothing, a name with a user, a port that is none, other characters.
  public init?(_ text: some StringProtocol) {
    var host = text[...]
    var port: UInt16?
    if let colon = host.lastIndex(of: ":"), !host[colon...].contains("]"),
      host.first == "[" || host.firstIndex(of: ":") == colon
    {
      let digits = host[host.index(after: colon)...]
      guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
      if !digits.isEmpty {
        guard let number = UInt16(digits), number > 0 else { return nil }
        port = number
      }
      host = host[..<colon]
    }
    guard let (name, isAddress) = Self.read(String(host)) else { return nil }
    (self.host, self.port, self.isAddress) = (name, port, isAddress)
  }

  private static func read(_ text: String) -> (name: String, isAddress: Bool)? {
    if text.hasPrefix("[") {
      guard text.hasSuffix("]") else { return nil }
      // The part after the percent sign is the name of one of this machine's own interfaces.
      let inner = text.dropFirst().dropLast().split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
      guard let address = inner.first.map(String.init), isIPv6(address) else { return nil }
      return (address.lowercased(), true)
    }
    let name = (text.hasSuffix(".") ? String(text.dropLast()) : text).lowercased()
    guard !name.isEmpty, !name.hasPrefix("."), !name.hasSuffix("."), name.utf8.allSatisfy(isOfName) else { return nil }
    return (name, isIPv4(name))
  }

  private static func isOfName(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte) || [0x2d, 0x2e, 0x5f].contains(byte)
  }

  private static func isIPv4(_ text: String) -> Bool {
    var address = in_addr()
    return inet_pton(AF_INET, text, &address) == 1
  }

  private static func isIPv6(_ text: String) -> Bool {
    var address = in6_addr()
    return inet_pton(AF_INET6, text, &address) == 1
  }
}

/// What browsers say of the page that a request comes from. Whatever is no browser says none of it.
public enum WebPage {
  /// Whether a browser marks the request as another site's than the one it is for.
  ///
  /// - Parameters:
  ///   - site: the fields `Sec-Fetch-Site`: a page of the same origin and an address that was typed pass.
  ///   - origin: the fields `Origin`: only the own one passes.
  ///   - host: whom the request is for.
  public static func isForeign(site: [String], origin: [String], host: WebHost) -> Bool {
    site.contains { !["same-origin", "none"].contains($0) } || origin.contains { !isOwn($0, host) }
  }

  private static func isOwn(_ origin: String, _ host: WebHost) -> Bool {
    for (scheme, port) in [("http://", UInt16(80)), ("https://", 443)] where origin.hasPrefix(scheme) {
      guard let other = WebHost(origin.dropFirst(scheme.count)) else { return false }
      return other.host == host.host && other.port ?? port == host.port ?? port
    }
    return false
  }
}
