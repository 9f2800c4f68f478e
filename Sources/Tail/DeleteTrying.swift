import BlobStore

extension BlobStore {
  /// Tries with one first: where nothing may be deleted, a thousand need not be asked for, at each tick.
  func deleteTrying(_ names: [String]) throws {
    guard let first = names.first else { return }
    try delete(first)
    try delete(Array(names.dropFirst()))
  }
}
