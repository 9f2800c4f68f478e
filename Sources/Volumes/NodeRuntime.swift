import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// What runs the nodes of an environment.
public enum NodeRuntime: String, Sendable, CaseIterable, Codable {
  /// Processes of this machine, under the manager.
  case process
  /// Containers of a Docker Engine.
  case docker

  /// - Parameter home: `$GOUD_HOME/<environment>`.
  /// - Returns: nil when no network has been started there.
  static func remembered(in home: String) -> NodeRuntime? {
    guard let bytes = try? Descriptor.open("\(home)/runtime", O_RDONLY).readAll(limit: 64) else { return nil }
    return NodeRuntime(rawValue: String(decoding: bytes.prefix { $0 != 10 }, as: UTF8.self))
  }

  /// Durable when it returns. Later runs need not be told.
  public func remember(in home: String) throws {
    guard Self.remembered(in: home) != self else { return }
    try AtomicFile.write(Array("\(rawValue)\n".utf8), to: "\(home)/runtime")
  }
}
