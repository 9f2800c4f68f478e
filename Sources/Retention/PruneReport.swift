public import Foundation
public import GoudCore

/// What was or would be deleted, and why the rest stays.
public struct PruneReport: Sendable, Codable {
  public struct Item: Sendable, Codable {
    public let path: String
    public let taken: Date
    /// 0 for a safety copy: it is not measured.
    public let bytes: ByteCount
    public let deleted: Bool
    public let reason: String
    /// Old enough to go, and kept because something is not certain: somebody should look.
    public let stuck: Bool
  }

  /// What could not be looked at, read or deleted. The rest was done without it.
  public struct Problem: Sendable, Codable {
    public let path: String
    public let code: ErrorCode
    public let message: String

    init(_ path: String, _ error: GoudError) {
      self.path = path
      code = error.code
      message = error.message
    }
  }

  public let dryRun: Bool
  /// Newest first.
  public let backups: [Item]
  public let safetyCopies: [Item]
  public let problems: [Problem]
  /// Why this machine's clock is not believed, so that nothing was deleted; nil when it is.
  public let doubt: String?

  /// - Throws: `run.some-items-failed` when there was a problem.
  public func refuseProblems() throws {
    guard let first = problems.first else { return }
    throw GoudError(
      .someFailed,
      "\(problems.count == 1 ? "one item" : "\(problems.count) items") could not be pruned: \(first.path): \(first.message)",
      hint: "goud backup prune --dry-run names all of them",
      context: ["path": first.path, "code": first.code.rawValue])
  }
}
