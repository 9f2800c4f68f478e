import Chain

extension BlockHash {
  /// The first twelve digits, for people.
  package var short: String { String(hex.prefix(12)) }
}

/// A node and its volume: `node1` keeps its data in `node1_data`.
public enum NodeName {
  private static let suffix = "_data"

  /// The node that a volume of this name belongs to.
  public static func of(_ volume: String) -> String {
    volume.hasSuffix(suffix) ? String(volume.dropLast(suffix.count)) : volume
  }
}
