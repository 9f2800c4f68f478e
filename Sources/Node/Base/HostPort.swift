import GoudCore

/// Where a node listens: a host name or a literal address, and a port.
public struct HostPort: Hashable, Sendable, CustomStringConvertible {
  public let host: String
  /// 0 only for listening: any free port.
  public let port: Int

  public init(host: String, port: Int) {
    self.host = host
    self.port = port
  }

  /// `127.0.0.1:9001`, `node2:9001`, `[::1]:9001`.
  /// - Throws: `usage.invalid`.
  public init(parsing text: String) throws {
    guard let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")), let port = UInt16(text[text.index(after: colon)...])
    else { throw Self.fault(text) }
    var host = text[..<colon]
    if host.hasPrefix("[") && host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      throw Self.fault(text)
    }
    guard !host.isEmpty, host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else { throw Self.fault(text) }
    self.init(host: String(host), port: Int(port))
  }

  private static func fault(_ text: String) -> GoudError {
    GoudError(.usage, "\"\(text)\" is not HOST:PORT", hint: "for example 127.0.0.1:9001, or [::1]:9001")
  }

  public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
