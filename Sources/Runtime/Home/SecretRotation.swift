import GoudCore
public import Layout

#if canImport(Glibc)
  import Glibc
#endif

/// Replaces what the nodes of a network sign and seal sessions with. Nodes that run take it up by themselves; their keys,
/// the validator keys, stay: the genesis block names them.
public struct SecretRotation: Sendable {
  public struct Rotated: Sendable, Encodable, Equatable {
    /// nil: of the network.
    public let node: String?
    /// The file's name.
    public let secret: String
  }

  private static let names = [VolumeName.jwtSecret, VolumeName.sessionSecret]

  private let home: NetworkHome
  private let nodes: [String]
  /// All nodes get the same secrets, so that a session of one is good at every other.
  public var shared = false
  /// Also the token that new accounts are made with, where there is one. Nodes that run know the old one until they are
  /// started again.
  public var registrationToken = false

  public init(_ home: NetworkHome, nodes: [String]) {
    self.home = home
    self.nodes = nodes
  }

  /// Each file is replaced whole, and belongs to its volume's owner. Nodes that had the same secret have the same new one.
  /// A node whose secret is missing is left alone, unless all share: it makes one at its first start.
  /// - Throws: `volume.locked` while another run founds or rotates; `secret.invalid` for what is not a file; `io.…`. What
  ///   is replaced by then stays replaced, and another run goes on.
  public func run() throws -> [Rotated] {
    let lock = try DirectoryLock(home.path)
    defer { withExtendedLifetime(lock) {} }
    var rotated: [Rotated] = []
    for name in Self.names {
      var successors: [[UInt8]: [UInt8]] = [:]
      let common = Self.newSecret()
      for node in nodes where try FileSystem.status(home.volume(node))?.isDirectory == true {
        let path = "\(home.volume(node))/\(name)"
        guard let present = try Self.read(path) ?? (shared ? [] : nil) else { continue }
        let next = shared ? common : successors[present, default: Self.newSecret()]
        successors[present] = next
        try Self.write(next, path)
        KillPoint.reached("secret is rotated")
        rotated.append(Rotated(node: node, secret: name))
      }
    }
    if registrationToken, try Self.read(home.registrationToken) != nil {
      try Self.write(Self.newSecret(), home.registrationToken)
      rotated.append(Rotated(node: nil, secret: FileSystem.name(of: home.registrationToken)))
    }
    return rotated
  }

  /// 64 hexadecimal digits and a line feed.
  static func newSecret() -> [UInt8] {
    var random = SystemRandomNumberGenerator()
    return Array(Hex.text((0..<32).map { _ in UInt8.random(in: .min ... .max, using: &random) }).utf8) + [10]
  }

  private static func read(_ path: String) throws -> [UInt8]? {
    do {
      let file = try Descriptor.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
      guard try file.status().isRegular else { throw invalid(path) }
      return try file.readAll(limit: 4096)
    } catch let error as GoudError where error.systemErrno == ENOENT {
      return nil
    } catch let error as GoudError where error.systemErrno == ELOOP {
      throw invalid(path)
    }
  }

  private static func invalid(_ path: String) -> GoudError {
    GoudError(
      .secretInvalid, "\(path) is not a regular file", hint: "move it away, and run this again",
      context: ["path": path])
  }

  /// It belongs to its directory's owner before it has its name: its reader is never locked out.
  private static func write(_ secret: [UInt8], _ path: String) throws {
    let file = try AtomicFile(path: path)
    if FileSystem.mayChangeOwners, let owner = try FileSystem.status(FileSystem.parent(of: path) + "/.") {
      guard fchown(file.file.fd, owner.st_uid, owner.st_gid) == 0 else { throw GoudError.system("chown", path) }
    }
    try file.file.write(secret)
    try file.publish()
  }
}
