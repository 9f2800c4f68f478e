import GoudCore

/// Another node of the network, and where it listens for its peers.
public struct PeerAddress: Hashable, Sendable {
  /// The validator's name in genesis.
  public let name: String
  public let address: HostPort

  public init(name: String, address: HostPort) {
    self.name = name
    self.address = address
  }

  /// `node2=127.0.0.1:9002`
  /// - Throws: `usage.invalid`.
  public init(parsing text: String) throws {
    guard let sign = text.firstIndex(of: "="), sign > text.startIndex else {
      throw GoudError(.usage, "\"\(text)\" is not NAME=HOST:PORT", hint: "for example --peer node2=127.0.0.1:9002")
    }
    try self.init(
      name: String(text[..<sign]), address: HostPort(parsing: String(text[text.index(after: sign)...])))
  }
}
