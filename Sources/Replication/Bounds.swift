// Which numbers a correct node may say. Numbers that another node chose come in through `implausibility` (what no node
// ever says) and `EpochReach` (what leaves every node able to open another epoch, for ever): docs/replication.md,
// "Numbers of others".

/// What no height, epoch or count of a correct node ever reaches. Sums and differences of two of them fit into 64 bits.
public enum Bounds {
  /// Of a block: 2^62. At a million blocks a second, after 146,000 years.
  public static let height: UInt64 = 1 << 62
  /// Of an epoch: 2^63 − 1. `EpochReach` sees to it that nobody gets there.
  public static let epoch = UInt64(Int64.max)
  /// Of a locator: of 2^64 blocks.
  public static let locatorBlocks = 66
}

/// How far above what is known here an epoch may lie that another node names.
///
/// A bound on the jump alone would be used up by enough jumps, and would keep out for good who is further behind. So
/// three things together: a jump takes at most `step`; who is further apart than that climbs, each node at a pace that
/// it sets itself (`climb` for each refused attempt, and a toll of time for each jump, which the environment takes);
/// from `far` on the numbers rise by one. The way to `far` takes thousands of years, and there are as many numbers
/// behind it.
public struct EpochReach: Hashable, Sendable {
  /// What is taken at once: 2^20.
  public var step: UInt64
  /// By how much more a follower takes after each attempt that it refused: 2^26. It is the follower that tries again.
  public var climb: UInt64
  /// From here on one by one: 2^62.
  public var far: UInt64
  /// No epoch is higher.
  public var last: UInt64
  /// How often a follower may have a higher epoch opened, on one connection, before it promises one: 32.
  public var raises: Int

  public static let standard = EpochReach(step: 1 << 20, climb: 1 << 26, far: 1 << 62, last: Bounds.epoch, raises: 32)

  package init(step: UInt64, climb: UInt64, far: UInt64, last: UInt64, raises: Int) {
    self.step = step
    self.climb = climb
    self.far = far
    self.last = last
    self.raises = raises
  }

  /// The highest epoch that is believed at once.
  public func limit(above known: UInt64) -> UInt64 { known.raised(by: known < far ? step : 1, upTo: last) }

  /// nil when there is none.
  func next(after known: UInt64) -> UInt64? { known < last ? known + 1 : nil }
}

extension UInt64 {
  /// The sum, or `limit` when that is less. Never traps.
  func raised(by count: UInt64, upTo limit: UInt64 = .max) -> UInt64 {
    let (sum, overflow) = addingReportingOverflow(count)
    return overflow ? limit : Swift.min(sum, limit)
  }

  /// How far it lies above `other`: 0 when it does not. Never traps.
  public func above(_ other: UInt64) -> UInt64 { self > other ? self - other : 0 }
}

// MARK: - What no correct node says

extension BlockID {
  /// Why no correct node says this, for people; nil: it may. The same below.
  public var implausibility: String? {
    if height > Bounds.height { return "a block of height \(height)" }
    return epoch > Bounds.epoch ? "a block of epoch \(epoch)" : nil
  }
}

extension Position {
  public var implausibility: String? {
    if let reason = head.implausibility { return reason }
    if acknowledged > head.height { return "acknowledged \(acknowledged) above its head \(head.height)" }
    return promised > Bounds.epoch ? "a promise of epoch \(promised)" : nil
  }

  /// - Parameter locator: said together with it.
  func implausibility(with locator: [BlockID]) -> String? {
    if let reason = implausibility ?? locator.locatorImplausibility { return reason }
    return locator.first == head ? nil : "a locator that does not begin at its head"
  }
}

extension [BlockID] {
  /// Of a locator by itself.
  public var locatorImplausibility: String? {
    guard (1...Bounds.locatorBlocks).contains(count) else { return "a locator of \(count) blocks" }
    if let reason = lazy.compactMap(\.implausibility).first { return reason }
    let descends = zip(self, dropFirst()).allSatisfy { $0.height > $1.height && $0.epoch >= $1.epoch }
    return last?.height == 0 && descends ? nil : "a locator that does not go down to genesis"
  }
}

extension Introduction {
  public var implausibility: String? { position.implausibility(with: locator) }
}

extension FollowerMessage {
  public var implausibility: String? {
    switch self {
    case .introduction(let introduction): introduction.implausibility
    case .promise(let promise): epoch(promise.epoch.number) ?? promise.position.implausibility(with: promise.locator)
    case .stored(let stored): epoch(stored.epoch) ?? stored.head.implausibility
    case .refusal(let refusal): refusal.implausibility
    }
  }
}

extension AuthorityMessage {
  public var implausibility: String? {
    switch self {
    case .openEpoch(let open): open.implausibility
    case .append(let append):
      epoch(append.epoch) ?? height(append.acknowledged) ?? append.previous.implausibility
        ?? append.blocks.lazy.compactMap(\.implausibility).first
    case .acknowledged(let told): epoch(told.epoch) ?? height(told.height)
    case .admission(let admission): epoch(admission.epoch) ?? height(admission.height)
    case .refusal(let refusal): refusal.implausibility
    }
  }
}

extension OpenEpoch {
  public var implausibility: String? {
    if let reason = Replication.epoch(epoch.number) { return reason }
    if epoch.number == 0 || round == 0 { return "an epoch \(epoch.number) that is asked for \(round) times" }
    return reign.number > epoch.number ? "a reign \(reign.number) that began after epoch \(epoch.number)" : nil
  }
}

extension Refusal {
  public var implausibility: String? { epoch(promised) ?? Replication.height(height) }
}

private func epoch(_ number: UInt64) -> String? { number > Bounds.epoch ? "an epoch \(number)" : nil }
private func height(_ number: UInt64) -> String? { number > Bounds.height ? "a height \(number)" : nil }
