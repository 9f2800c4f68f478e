import Backup
import Chain
import GoudCore
import Layout

/// What safety copies are worth to a network once they are put back.
///
/// All volumes of a network that were replaced together are as they were: their standings hold. A single one may have
/// acknowledged blocks since, in the data that goes; it rejoins.
enum RolledBackChains {
  /// Writes it into the safety copies, before they are put in place.
  static func mark(_ copies: [SafetyCopy]) throws {
    let restored = Set(copies.map { NodeName.of($0.place.name) })
    let nodes = try copies.filter { try FileSystem.status("\($0.path)/\(VolumeName.standing)") != nil }
    guard !nodes.allSatisfy({ validators($0)?.allSatisfy(restored.contains) ?? false }) else { return }
    for copy in nodes {
      try StandingMark.write(VolumeStanding(.rejoining, reason: "rolled back"), in: copy.path)
    }
  }

  /// - Returns: nil for a volume that is no node's, or whose ledger cannot be read.
  private static func validators(_ copy: SafetyCopy) -> [String]? {
    try? LedgerProof.find(in: copy.path, of: copy.place.name).first
      .flatMap { try ChainFacts.read(directory: $0.directory)?.validators }
  }
}
