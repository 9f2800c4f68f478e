import GoudCore

/// What `body` throws; nil when it succeeds or throws something else.
func failure(_ body: () throws -> some Any) -> GoudError? {
  do {
    _ = try body()
    return nil
  } catch {
    return error as? GoudError
  }
}
