/// How far the swap of one volume has come, read from the file system alone.
enum SwapState: Equatable {
  /// The new data is whole where it was built; the volume is the old one.
  case staged
  /// Between the two: the old data has been moved aside, or a part of it (in one step where the file system can exchange
  /// two directories).
  case aside
  /// The volume is the new one, not confirmed.
  case swapped
  /// There is no marker of this restore: confirmed, discarded, or never begun.
  case settled
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
