/// The names of a repository's objects, which are restic's (its design document, "Repository Layout").
public enum RepositoryName {
  /// The only object with a name of its own.
  public static let config = "config"

  /// Where objects lie that are named after what they hold.
  public enum Folder: String, Sendable, CaseIterable {
    /// Packs, in 256 folders by the first two digits of their names.
    case data
    case index
    case keys
    case locks
    case snapshots
  }

  /// - Parameter hex: 64 lower-case hexadecimal digits.
  public static func object(_ hex: String, in folder: Folder) -> String {
    folder == .data ? "data/\(hex.prefix(2))/\(hex)" : "\(folder.rawValue)/\(hex)"
  }

  /// The last part of an object's name; nil when it is no object of the format but something that was put beside them.
  public static func hex(of name: String, in folder: Folder) -> String? {
    guard let last = name.split(separator: "/").last.map(String.init), object(last, in: folder) == name else {
      return nil
    }
    return last
  }
}
