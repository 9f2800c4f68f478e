/// What a blob holds. The numbers are those of a pack's header.
public enum BlobKind: UInt8, Sendable, CaseIterable, Codable, CustomStringConvertible {
  /// Bytes of a file.
  case data = 0
  /// The names of a directory.
  case tree = 1

  /// As an index calls it.
  public var description: String {
    switch self {
    case .data: "data"
    case .tree: "tree"
    }
  }

  init?(named name: String) {
    guard let kind = BlobKind.allCases.first(where: { $0.description == name }) else { return nil }
    self = kind
  }
}
