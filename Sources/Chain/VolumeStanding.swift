import Foundation
public import GoudCore
import Layout

#if canImport(Glibc)
  import Glibc
#endif

/// `.goud-standing.json` in a volume's root: whether what this disk says it has acknowledged may be relied on.
///
/// A volume without the file has lost its memory (it is new, or was unpacked by hand): it rejoins. So no backup may carry
/// the file, and everything that replaces a volume's database writes it anew. Mode 0600.
public struct VolumeStanding: Sendable, Hashable {
  /// Bytes of a beginning, and of the nonce of a reign.
  public static let identifierCount = 16

  public var standing: Standing
  /// The founding, or the restore of the whole network, that the data comes from; 16 bytes, empty when there is none yet.
  public var beginning: [UInt8]
  /// The reign that this node answers to: the epoch in which the authority's present volume rejoined; nil when there is
  /// none yet.
  public var reign: EpochPromise?
  /// Why it was written, for people: `founded`, `restored`, `rejoined`, …
  public var reason: String
  /// Given by `write`: milliseconds since 1970, and in any case more than the one before. By it a node tells a standing
  /// that was written since, by a restore perhaps, from an old one that came back with an old copy of its disk. 0: none.
  public private(set) var serial: UInt64 = 0
  /// Given by `write`: the public key that belongs to the volume's `validator_key`, 32 bytes; empty when it has none. A
  /// standing vouches for the volume of one node.
  public private(set) var key: [UInt8] = []

  public init(_ standing: Standing, beginning: [UInt8] = [], reign: EpochPromise? = nil, reason: String) {
    self.standing = standing
    self.beginning = beginning
    self.reign = reign
    self.reason = reason
  }

  /// What a volume without the file has.
  public static let absent = VolumeStanding(.rejoining, reason: "empty volume")

  /// Equal when they say the same, whenever that was written.
  public static func == (a: VolumeStanding, b: VolumeStanding) -> Bool {
    (a.standing, a.beginning, a.reign, a.reason) == (b.standing, b.beginning, b.reign, b.reason)
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(standing)
    hasher.combine(beginning)
  }

  /// 16 random bytes: the mark of a founding, or of a restore of the whole network.
  public static func newBeginning() -> [UInt8] { (0..<identifierCount).map { _ in UInt8.random(in: .min ... .max) } }
}

extension VolumeStanding {
  /// - Parameter volume: the volume's directory.
  /// - Returns: `absent` when there is no file.
  /// - Throws: `volume.invalid-standing` when it cannot be understood: nothing is decided by guessing.
  public static func read(in volume: String) throws -> VolumeStanding {
    let path = "\(volume)/\(VolumeName.standing)"
    guard let status = try FileSystem.status(path) else { return absent }
    guard status.isRegular else { throw fault(path, "is not a file") }
    let bytes = try Descriptor.open(path, O_RDONLY | O_NOFOLLOW).readAll(limit: 1 << 16)
    guard let record = try? JSONDecoder().decode(Record.self, from: Data(bytes)) else {
      throw fault(path, "cannot be read")
    }
    guard let standing = Standing(rawValue: record.standing) else {
      throw fault(path, "names no standing that is known here")
    }
    guard record.reign?.epoch ?? 0 <= BlockLimits.epoch, record.serial ?? 0 <= BlockLimits.epoch else {
      throw fault(path, "names a reign or a serial that no network comes to")
    }
    let beginning = try identifier(record.beginning, path)
    guard standing == .rejoining || !beginning.isEmpty else { throw fault(path, "is a member's, without a beginning") }
    var result = VolumeStanding(
      standing, beginning: beginning,
      reign: try record.reign.map { EpochPromise(epoch: $0.epoch, nonce: try identifier($0.nonce, path)) },
      reason: record.reason ?? "")
    result.serial = record.serial ?? 0
    result.key = record.key.flatMap { Hex.bytes($0) } ?? []
    return result
  }

  /// Durable when it returns; whoever reads meanwhile sees the old one or the new one.
  /// - Parameter serial: the highest that is known for the node; what is written has a higher one.
  /// - Returns: the serial that was written.
  @discardableResult
  public func write(in volume: String, after serial: UInt64 = 0) throws -> UInt64 {
    let present = (try? VolumeStanding.read(in: volume))?.serial ?? 0
    let serial = max(UInt64(max(0, Date().timeIntervalSince1970 * 1000)), max(serial, present) &+ 1)
    let record = Record(
      standing: standing.rawValue, beginning: beginning.isEmpty ? nil : Hex.text(beginning),
      reign: reign.map { Record.Reign(epoch: $0.epoch, nonce: Hex.text($0.nonce)) }, reason: reason, serial: serial,
      key: (try? ValidatorKey(path: "\(volume)/\(VolumeName.validatorKey)")).map { Hex.text($0.publicKey) })
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    try AtomicFile.write(Array(try encoder.encode(record)) + [10], to: "\(volume)/\(VolumeName.standing)")
    KillPoint.reached("standing.written")
    return serial
  }

  private struct Record: Codable {
    let standing: String
    let beginning: String?
    let reign: Reign?
    let reason: String?
    let serial: UInt64?
    let key: String?

    struct Reign: Codable {
      let epoch: UInt64
      let nonce: String
    }
  }

  private static func identifier(_ text: String?, _ path: String) throws -> [UInt8] {
    guard let text else { return [] }
    guard let bytes = Hex.bytes(text), bytes.count == identifierCount else {
      throw fault(path, "has a beginning or a reign that is not \(identifierCount * 2) hexadecimal digits")
    }
    return bytes
  }

  private static func fault(_ path: String, _ what: String) -> GoudError {
    GoudError(
      .volumeStandingInvalid, "\(path) \(what)",
      hint: "remove the file, and the volume rejoins the network before it counts", context: ["path": path])
  }
}
