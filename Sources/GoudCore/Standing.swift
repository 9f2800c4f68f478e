/// Whether a node's disk counts. A volume that is new, lost or restored may have forgotten what it acknowledged.
public enum Standing: String, Sendable, Codable {
  /// The disk holds everything it ever acknowledged: it counts.
  case member
  /// It may have forgotten something: until it has rejoined it neither promises nor acknowledges.
  case rejoining
}
