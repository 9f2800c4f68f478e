import GoudCore

/// Collects what goes wrong with single items, so that the others are still done.
final class Problems {
  private(set) var found: [PruneReport.Problem] = []

  func concern(_ path: String) -> Bool { found.contains { $0.path == path } }

  /// - Throws: only what ends the run.
  func note<Value>(_ path: String, otherwise: Value, _ body: () throws -> Value) throws -> Value {
    do {
      return try body()
    } catch let error as GoudError where ![.interrupted, .terminated].contains(error.code) {
      found.append(PruneReport.Problem(path, error))
      return otherwise
    }
  }
}
