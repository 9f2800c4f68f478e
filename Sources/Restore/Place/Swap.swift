import GoudCore

/// Puts proven data in place of the present data, for all volumes of a restore or for none.
///
/// Order, each step durable before the next: exchange every volume with its new data → check each where it now is → make
/// safety copies of the replaced data → remove each marker. Up to the last exchange any failure swaps back. Every step
/// may find itself already done, so a run that was killed is finished by running it again.
struct Swap {
  let exchanges: [any VolumeExchange]
  /// The stamp of the safety copies.
  let safetyCopy: String

  /// - Parameter check: throws when the volume, in its place, cannot be opened.
  /// - Returns: the safety copies by volume; none for a volume that was not there or empty.
  /// - Throws: `restore.unproven` when a check failed; every volume is then the old one again.
  func run(check: (VolumePlace) throws -> Void) throws -> [VolumePlace: String] {
    do {
      for exchange in exchanges { try exchange.exchange() }
    } catch {
      try undo(because: error)
      throw error
    }
    do {
      for exchange in exchanges where try exchange.state() == .swapped { try check(exchange.place) }
    } catch {
      try undo(because: error)
      throw GoudError(
        .restoreUnproven, "the restored data did not open in its place: \(Self.message(error)); the old data is back",
        hint: "the backup is not harmed; check the disk, then try again", cause: error)
    }
    var kept: [VolumePlace: String] = [:]
    for exchange in exchanges where try exchange.state() == .swapped {
      kept[exchange.place] = try exchange.keep(safetyCopy)
    }
    for exchange in exchanges { try exchange.confirm() }
    return kept
  }

  /// Undoes every exchange; what was built is in its staging directory again.
  func undo() throws {
    for exchange in exchanges.reversed() {
      try exchange.takeBack(safetyCopy)
      KillPoint.reached("restore.taken-back")
    }
  }

  /// Deletes what was built, of the volumes that are the old ones.
  /// - Parameter keeping: only takes its name from it (`Discard`).
  func discard(keeping: Bool = false) throws {
    for exchange in exchanges where try exchange.state() == .staged { try exchange.discard(keeping: keeping) }
  }

  private func undo(because error: any Error) throws {
    do {
      try undo()
    } catch let second {
      throw GoudError(
        .restoreUnproven, "\(Self.message(error)), and swapping back failed: \(Self.message(second))",
        hint: "run the same command again: it finishes or rolls back first; both versions of the data are still there",
        cause: error)
    }
  }

  private static func message(_ error: any Error) -> String { (error as? GoudError)?.message ?? "\(error)" }
}
