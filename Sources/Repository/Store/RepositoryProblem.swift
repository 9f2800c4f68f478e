/// Something about a repository that is not as it should be.
public struct RepositoryProblem: Sendable, Equatable, CustomStringConvertible {
  public enum Severity: String, Sendable, Codable {
    /// Nothing is lost; the next prune tidies it up.
    case hint
    /// Something cannot be read any more.
    case damage
  }

  public let severity: Severity
  /// The object's name in the store.
  public let object: String
  public let message: String

  public var description: String { "\(object): \(message)" }
}
