/// What to do next while volumes are followed. Pure: events in, actions out, in seconds of a clock that never goes back.
///
/// Between two commits the logs' new bytes are stored a tick at a time. A commit is made when it is due, and as soon as the
/// logs no longer tell all; while it runs, the ticks go on upon the one before. While the store cannot be reached, what was
/// added is kept, up to a bound; beyond that the next commit takes its place.
struct WatchPlan: Equatable {
  enum Event: Equatable {
    /// It is time to look.
    case tick
    /// The logs have been looked at: so many bytes are new since the last look.
    case grown(bytes: Int)
    /// They do not tell all.
    case lost(why: String)
    case stored
    case notStored
    case committed
    case notCommitted
  }

  enum Action: Equatable {
    case look
    /// Store all that is kept.
    case store
    /// All that was seen is stored: what was acknowledged before the last look is safe.
    case reached
    /// Let go of what is kept: a commit takes its place.
    case forget
    case commit(why: String)
  }

  /// Between two commits, and between two looks at least.
  let interval: Double
  /// Bytes kept at most.
  let bound: Int

  private(set) var isCommitting = false
  /// What is kept, not stored.
  private(set) var kept = 0
  /// Whether the tail goes on from the last commit without a gap.
  private(set) var isWhole = false
  private var why: String?
  private var begun: Double?
  private var ended: Double = 0
  private var failures = 0
  private var isStoring = false

  init(interval: Double, bound: Int) { (self.interval, self.bound) = (interval, bound) }

  mutating func take(_ event: Event, at now: Double) -> [Action] {
    switch event {
    case .tick:
      if begun == nil { why = "there is none yet" }
      if isDue(now), why == nil { why = "it is due" }
      return (isWhole ? [.look] : []) + commit(now)
    case .grown(let bytes):
      kept += bytes
      guard kept <= bound else {
        let dropped = drop("the store was away for too long")
        return dropped + commit(now)
      }
      guard kept > 0 else { return [.reached] }
      guard !isStoring else { return [] }
      isStoring = true
      return [.store]
    case .lost(let reason):
      let dropped = drop(reason)
      return dropped + commit(now)
    case .stored:
      (kept, isStoring) = (0, false)
      return [.reached]
    case .notStored:
      isStoring = false
      return []
    case .committed:
      (isCommitting, isWhole, isStoring, failures, kept, why) = (false, true, false, 0, 0, nil)
      ended = now
      return []
    case .notCommitted:
      (isCommitting, ended) = (false, now)
      failures += 1
      why = why ?? "the last one failed"
      return []
    }
  }

  private func isDue(_ now: Double) -> Bool { begun.map { now - $0 >= interval } ?? true }

  private mutating func drop(_ reason: String) -> [Action] {
    (isWhole, kept, why) = (false, 0, why ?? reason)
    return [.forget]
  }

  /// One at a time. After one that failed, later each time; for a reason, not at once again: what cannot be followed is
  /// committed as often as leaves half of the time to the nodes.
  private mutating func commit(_ now: Double) -> [Action] {
    guard let why, !isCommitting else { return [] }
    if let begun {
      let pause = failures > 0 ? min(60, 5 * Double(1 << min(failures - 1, 4))) : max(1, ended - begun)
      guard now >= ended + (isDue(now) && failures == 0 ? 0 : pause) else { return [] }
    }
    (isCommitting, begun, self.why) = (true, now, nil)
    return [.commit(why: why)]
  }
}
