import Backup
import Chain
import GoudCore
import Layout

/// What safety copies are worth to a network once they are put back.
///
/// All volumes of a network that were replaced together are as they were: their standings hold, and are written anew, so
/// that no node takes its own for an old copy. A single one may have acknowledged blocks since, in the data that goes; it
/// rejoins.
enum RolledBackChains {
  /// Writes it into the safety copies, before they are put in place.
  static func mark(_ copies: [SafetyCopy]) throws {
    let restored = Set(copies.map { NodeName.of($0.place.name) })
    let nodes = try copies.filter { try FileSystem.status("\($0.path)/\(VolumeName.standing)") != nil }
    let together = nodes.allSatisfy { validators($0)?.allSatisfy(restored.contains) ?? false }
    for copy in nodes {
      // One that cannot be read stays: its node does not start, and says so.
      let standing =
        together ? try? VolumeStanding.read(in: copy.path) : VolumeStanding(.rejoining, reason: "rolled back")
      guard let standing else { continue }
      try StandingMark.write(standing, in: copy.path, over: copy.place.path)
    }
  }

  /// - Returns: nil for a volume that is no node's, or whose ledger cannot be read.
  private static func validators(_ copy: SafetyCopy) -> [String]? {
    try? LedgerProof.find(in: copy.path, of: copy.place.name).first
      .flatMap { try ChainFacts.read(directory: $0.directory)?.validators }
  }
}
