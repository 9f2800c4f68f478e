import Chain
import GoudCore
import Synchronization

/// The room that is left on the file system of a node's volume, held against the reserve (`DISK_RESERVE_MIB`): nothing
/// that can be refused is written below it, so that what cannot be refused still can be: promises, acknowledgements,
/// what RocksDB has in memory, logs, a repair.
///
/// What RocksDB has still to write counts as written: its memory tables, and what its compactions are about to write
/// before they remove anything. It counts once for each node of the network, as their volumes may share the file system.
///
/// | available, less that | |
/// |---|---|
/// | the reserve or more | everything is taken |
/// | half the reserve or more | clients are refused; what the others have acknowledged is taken |
/// | a quarter or more | blocks of 64 KiB or less, such as an epoch begins with |
/// | less | no blocks |
///
/// Once clients are refused, it takes an eighth of the reserve more than the reserve to take them again.
final class DiskRoom: Sendable {
  struct Figures: Sendable, Hashable {
    /// What this process may still write, in bytes.
    var available: Int64
    /// What RocksDB has still to write, in bytes.
    var pending: Int64
  }

  static let interval = Duration.milliseconds(250)
  /// What was seen less long ago is good enough for the next block: little can have been written since.
  static let fresh = Duration.milliseconds(20)
  /// Of what compactions have before them; one after the other does it.
  static let mostCompaction: Int64 = 768 << 20
  /// A message with fewer bytes of blocks is a small one.
  static let smallBlocks = 64 << 10

  private struct State {
    var left = Int64.max
    var isShort = false
    var looked: ContinuousClock.Instant?
  }

  /// Bytes; 0: room is never looked at.
  let reserve: Int64
  private let sharers: Int64
  private let figures: @Sendable () throws -> Figures
  private let state = Mutex(State())

  /// - Parameter sharers: nodes whose volumes may be on the same file system, this one included.
  init(reserve: Int64, sharers: Int, figures: @escaping @Sendable () throws -> Figures) {
    self.reserve = reserve
    self.sharers = Int64(sharers)
    self.figures = figures
    look()
  }

  convenience init(reserve: Int64, sharers: Int, ledger: Ledger) {
    self.init(reserve: reserve, sharers: sharers) {
      Figures(
        available: try FileSystem.room(at: ledger.directory).available.bytes, pending: ledger.pendingBytes())
    }
  }

  /// Looks again. A file system that does not say leaves things as they are: what is written to it will fail, or not.
  func look() {
    guard reserve > 0, let found = try? figures() else { return }
    let (pending, overflow) = found.pending.multipliedReportingOverflow(by: sharers)
    let left = max(0, found.available) - (overflow ? Int64.max / 2 : min(pending, Int64.max / 2))
    state.withLock {
      $0.looked = .now
      $0.left = left
      $0.isShort = left < ($0.isShort ? reserve + reserve / 8 : reserve)
    }
  }

  /// Looks again, unless somebody just has.
  func lookSoon() {
    guard state.withLock({ $0.looked.map { .now - $0 >= Self.fresh } ?? true }) else { return }
    look()
  }

  /// Looks again and again. Returns only when its task is cancelled.
  func watch() async throws {
    while true {
      look()
      try await Task.sleep(for: Self.interval)
    }
  }

  /// Whether clients are refused.
  var isShort: Bool { state.withLock { $0.isShort } }

  /// Whether so many bytes of blocks may be written.
  func takes(blocks bytes: Int) -> Bool {
    state.withLock { $0.left >= (bytes <= Self.smallBlocks ? reserve / 4 : reserve / 2) || reserve == 0 }
  }

  /// What to tell a client; nil when there is room.
  /// - Parameter node: this one's name.
  func shortage(of node: String) -> GoudError? {
    let state = state.withLock { $0 }
    guard state.isShort else { return nil }
    let left = ByteCount(max(0, state.left))
    return .noRoom("\(node) has \(left) left on its disk, and keeps \(ByteCount(reserve)) of it free")
  }
}

extension GoudError {
  static func noRoom(_ message: String) -> GoudError {
    GoudError(
      .nodeNoRoom, message,
      hint: "writes go on by themselves when there is room again: remove something, or goud volume expand",
      context: ["retry-after": "5"])
  }
}

extension Ledger {
  /// What RocksDB has in memory and still has to write, and what its compactions may write before they remove anything.
  fileprivate func pendingBytes() -> Int64 {
    func sum(_ property: String) -> Int64 {
      Self.families.reduce(0) { $0 + (self.property("rocksdb.\(property)", family: $1).flatMap { Int64($0) } ?? 0) }
    }
    return sum("cur-size-all-mem-tables") + min(DiskRoom.mostCompaction, sum("estimate-pending-compaction-bytes"))
  }
}
