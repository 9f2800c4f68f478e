import Foundation
import GoudCore

/// Whether a volume's disk counts among its network's, written beside the database in `.goud-standing.json` (mode 0600).
/// No backup carries it: a volume without one is new, or was unpacked by hand, and counts for nothing until it has
/// rejoined (docs/replication.md).
public struct StandingFile: Sendable, Hashable {
  public static let name = ".goud-standing.json"
  /// Of `beginning` and `reign`.
  public static let idCount = 16

  /// Whether its disk counts.
  public var isMember: Bool
  /// The founding, or the restore of the whole network, that its data comes from: 16 bytes; empty when it has none yet.
  public var beginning: [UInt8]
  /// The life of the authority's volume that it answers to: 16 bytes; empty when it has none yet.
  public var reign: [UInt8]
  /// Why it was written, for people: `founded`, `restored`, `rejoined`, …
  public var reason: String

  public init(isMember: Bool, beginning: [UInt8], reign: [UInt8] = [], reason: String) {
    self.isMember = isMember
    self.beginning = beginning
    self.reign = reign
    self.reason = reason
  }

  /// 16 random bytes for a founding, or a restore of a whole network.
  public static func newBeginning() -> [UInt8] { (0..<idCount).map { _ in UInt8.random(in: .min ... .max) } }

  /// - Parameter volume: the volume's directory.
  /// - Returns: nil when there is no such file.
  /// - Throws: `database.corrupt` when it cannot be understood: nothing may be concluded from it then.
  public static func read(volume: String) throws -> StandingFile? {
    let path = "\(volume)/\(name)"
    guard try FileSystem.status(path) != nil else { return nil }
    let bytes = try Descriptor.open(path, O_RDONLY | O_NOFOLLOW).readAll(limit: 4096)
    guard let content = try? JSONDecoder().decode(Content.self, from: Data(bytes)), let file = StandingFile(content)
    else {
      throw GoudError(
        .databaseCorrupt, "\(path) cannot be read",
        hint: "move it away: the volume then counts for nothing until it has rejoined", context: ["path": path])
    }
    return file
  }

  /// On the device when it returns.
  public func write(volume: String) throws {
    let content = Content(
      standing: isMember ? "member" : "rejoining", beginning: beginning.isEmpty ? nil : Hex.text(beginning),
      reign: reign.isEmpty ? nil : Hex.text(reign), reason: reason)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    try AtomicFile.write(Array(try encoder.encode(content)) + [10], to: "\(volume)/\(Self.name)")
  }

  private struct Content: Codable {
    var standing: String
    var beginning: String?
    var reign: String?
    var reason: String?
  }

  private init?(_ content: Content) {
    guard content.standing == "member" || content.standing == "rejoining",
      let beginning = Hex.bytes(content.beginning ?? ""), let reign = Hex.bytes(content.reign ?? ""),
      [0, Self.idCount].contains(beginning.count), [0, Self.idCount].contains(reign.count)
    else { return nil }
    self.init(
      isMember: content.standing == "member", beginning: beginning, reign: reign, reason: content.reason ?? "")
  }
}
