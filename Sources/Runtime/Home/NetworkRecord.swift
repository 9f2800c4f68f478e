import Foundation
import GoudCore
import Layout

/// `network/network.json`: what a network was founded with. Written once, and once more when every volume is there.
struct NetworkRecord: Codable, Sendable, Hashable {
  var format = 1
  /// The environment's name.
  let environment: String
  /// The chain's id, 64 hexadecimal digits.
  let chain: String
  /// In genesis' order; the first is the authority.
  let nodes: [String]
  /// The founding that the volumes are members of, 32 hexadecimal digits; nil for a network that was taken over from
  /// its volumes.
  let beginning: String?
  /// Whether every volume has been made; until then a founding goes on where it stopped.
  var complete: Bool

  /// - Returns: nil when there is none.
  /// - Throws: `network.not-founded` when it cannot be understood.
  static func read(_ home: NetworkHome) throws -> NetworkRecord? {
    guard try FileSystem.status(home.record) != nil else { return nil }
    let bytes = try Descriptor.open(home.record, O_RDONLY).readAll(limit: 1 << 20)
    guard let record = try? JSONDecoder().decode(NetworkRecord.self, from: Data(bytes)), record.format == 1,
      !record.nodes.isEmpty
    else {
      throw GoudError(
        .networkNotFounded, "\(home.record) cannot be understood",
        hint: "put it back from a copy, or move \(home.network) away: it is made anew from the volumes",
        context: ["path": home.record])
    }
    return record
  }

  /// Durable when it returns.
  func write(in directory: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    try AtomicFile.write(Array(try encoder.encode(self)) + [10], to: FoundedName(in: directory).record)
  }
}
