import Chain
import GoudCore
import Layout

#if canImport(Glibc)
  import Glibc
#endif

/// The secrets of a damaged volume, which the rebuilt one keeps: without them a node is nobody, and its sessions end.
struct KeptSecrets {
  static let validatorKey = VolumeName.validatorKey
  static let names = [validatorKey, VolumeName.jwtSecret, VolumeName.sessionSecret]

  /// Content by file name; none for what could not be read.
  private(set) var files: [String: [UInt8]] = [:]
  /// Where each comes from, for people: `validator_key from the network's home`.
  private(set) var origins: [String] = []

  /// - Parameters:
  ///   - volume: the damaged volume; it need not be there.
  ///   - home: the network's directory, `$GOUD_HOME/<environment>/network`.
  ///   - publicKey: what the node's key must belong to, by the chain's genesis; nil: not known, so any key will do.
  init(volume: String, home: String, node: String, publicKey: [UInt8]?) {
    for name in Self.names {
      if name == Self.validatorKey {
        keep(name, from: "\(volume)/\(name)", "the damaged volume") { Self.isKey($0, of: publicKey) }
        keep(name, from: FoundedName(in: home).key(node), "the network's home") { Self.isKey($0, of: publicKey) }
      } else {
        keep(name, from: "\(volume)/\(name)", "the damaged volume") { $0.count >= 32 }
      }
    }
  }

  private mutating func keep(_ name: String, from path: String, _ origin: String, if fits: ([UInt8]) -> Bool) {
    guard files[name] == nil, let bytes = Self.read(path), fits(bytes) else { return }
    files[name] = bytes
    origins.append("\(name) from \(origin)")
  }

  /// Writes them into a volume that is being built, each the volume's owner's and mode 0600. Durable when it returns.
  func write(in root: String) throws {
    for (name, bytes) in files.sorted(by: { $0.key < $1.key }) {
      try AtomicFile.write(bytes, to: "\(root)/\(name)")
      try Ownership.adopt("\(root)/\(name)", of: root)
    }
  }

  private static func read(_ path: String) -> [UInt8]? {
    guard let file = try? Descriptor.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK),
      (try? file.status())?.isRegular == true
    else { return nil }
    return try? file.readAll(limit: 4096)
  }

  private static func isKey(_ bytes: [UInt8], of publicKey: [UInt8]?) -> Bool {
    guard let key = try? ValidatorKey(fileText: String(decoding: bytes, as: UTF8.self)) else { return false }
    return publicKey == nil || key.publicKey == publicKey
  }
}
