import GoudCore
import HTTPTypes

/// Finds out who a client is: who opened the connection, unless that is a proxy which may speak for others.
struct ClientAddress: Sendable {
  /// Whose `X-Forwarded-For` is believed; empty: nobody's.
  let trustedProxies: [IPNetwork]

  /// Each proxy appends whom it was asked by, so the list is read from its end for as long as proxies of ours wrote it:
  /// what stands before the first stranger is that stranger's own word.
  /// - Parameter peer: who opened the connection.
  func client(of fields: HTTPFields, from peer: IPAddress) -> IPAddress {
    var client = peer
    guard isTrusted(client) else { return client }
    for text in fields[values: .forwardedFor].joined(separator: ",").split(separator: ",").reversed() {
      // A proxy that writes what is no address has asked for itself, as far as anybody can tell.
      guard let before = Self.address(text) else { return client }
      client = before
      guard isTrusted(client) else { return client }
    }
    return client
  }

  private func isTrusted(_ address: IPAddress) -> Bool { trustedProxies.contains { $0.contains(address) } }

  /// `1.2.3.4`, `2001:db8::1`; with a port, `1.2.3.4:5678`, `[2001:db8::1]:5678`.
  private static func address(_ text: Substring) -> IPAddress? {
    let word = text.filter { $0 != " " && $0 != "\t" && $0 != "\"" }
    if let address = IPAddress(word) { return address }
    if word.hasPrefix("["), let end = word.firstIndex(of: "]") { return IPAddress(word[..<end].dropFirst()) }
    guard let colon = word.lastIndex(of: ":") else { return nil }
    return IPAddress(word[..<colon])
  }
}

extension HTTPField.Name {
  static let forwardedFor = HTTPField.Name("X-Forwarded-For")!
}
