import GoudCore

/// How far the swap of one volume has come, read from the file system alone.
enum SwapState: Equatable {
  /// The marker lies in the staging directory; the volume is the old one.
  case staged
  /// The same, and the old data has been moved aside (only where the file system cannot exchange).
  case aside
  /// The marker lies in the volume: it is the new one, not confirmed.
  case swapped
  /// There is no marker of this restore: confirmed, discarded, or never begun.
  case settled

  init(of place: VolumePlace, id: String) throws {
    if try RestoreMarker.read(in: place.path)?.id == id {
      self = .swapped
    } else if try RestoreMarker.read(in: place.staging(id))?.id == id {
      self = try FileSystem.status(place.aside(id)) == nil ? .staged : .aside
    } else {
      self = .settled
    }
  }
}

/// What an unfinished restore comes to.
enum SwapDirection: Equatable {
  /// Swap what is not swapped yet, check, confirm.
  case forward
  /// Every volume is still the old one: discard what was built.
  case back

  /// The first swap happens only when every volume is built and proven; so one that is swapped says that all may be.
  /// Before that nothing is lost by going back.
  init(_ states: some Sequence<SwapState>) { self = states.contains(.swapped) ? .forward : .back }
}
