/// The names that restores use: hidden, beside a volume or, where the volume is a mount point, in its root.
///
/// | beside `node1_data` | in its root | what it is |
/// |---|---|---|
/// | `.node1_data.restore-<id>` | `.goud-restore-<id>` | what a restore builds, and the data it replaces until all is confirmed |
/// | `.node1_data.swapping-<id>` | — | the old data for a moment, where the file system cannot exchange |
/// | `.node1_data.replaced-<yyyyMMdd-HHmmss>` | `.goud-replaced-<yyyyMMdd-HHmmss>` | a safety copy |
/// | `.node1_data.discarded-<id>` | `.goud-discarded-<id>` | on its way to being deleted |
public enum RestoreName: String, Sendable, CaseIterable {
  case restore, swapping, replaced, discarded

  /// Where such a name stands.
  public enum Site: Sendable, Hashable, CaseIterable {
    /// In the directory that holds the volume's.
    case beside
    /// In the volume's root.
    case inside
  }

  /// What the names of this kind begin with; `volume` is the last component of the volume's path.
  public func prefix(_ site: Site, of volume: String) -> String {
    switch site {
    case .beside: ".\(volume).\(rawValue)-"
    case .inside: ".goud-\(rawValue)-"
    }
  }

  /// What stands after the prefix: the restore's id, or the safety copy's stamp. nil when the name is none of this kind.
  public func tail(of name: String, _ site: Site, of volume: String = "") -> String? {
    let prefix = prefix(site, of: volume)
    guard name.utf8.count > prefix.utf8.count, name.hasPrefix(prefix) else { return nil }
    return String(name.dropFirst(prefix.count))
  }

  /// Whether a name in a volume's root is a restore's work or a safety copy: no part of the volume's content, so no
  /// backup stores it and no database is looked for in it.
  public static func isWork(inRoot name: String) -> Bool { allCases.contains { $0.tail(of: name, .inside) != nil } }

  /// 16 hexadecimal digits, lower case: the id of a restore.
  public static func isIdentifier(_ text: String) -> Bool {
    text.utf8.count == 16 && text.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
  }
}
