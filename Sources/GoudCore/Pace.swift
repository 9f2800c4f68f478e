import CGoudLinux
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// How much of the processors this process takes while others need them.
///
/// A low priority is not enough: a processor that is never idle no longer fetches work from the other one, so that the
/// nodes' threads wait behind each other (docs/decisions/0008). So for every two processors that others use, a third one
/// is left idle, down to a share that is used all the same.
public final class Pace: Sendable {
  /// The process's own; takes whatever it gets until `giveWay` is called.
  public static let process = Pace(sensor: ProcessorUse.sensor)

  /// What others use, in processors, and how many there are; nil: no news.
  typealias Sensor = @Sendable () -> (others: Double, processors: Double)?

  /// 0: not at all.
  private let nice = Atomic(0)
  private let sensor: Sensor
  nonisolated(unsafe) private let threads: OpaquePointer

  init(sensor: @escaping Sensor) {
    self.sensor = sensor
    threads = goud_pace_create()
  }

  deinit { goud_pace_free(threads) }

  /// From now on others come first.
  /// - Parameter nice: 1 to 19; how small the share is that is used all the same.
  public func giveWay(nice: Int) { self.nice.store(nice, ordering: .relaxed) }

  /// About how much longer everything took for it.
  public var rested: Duration { .seconds(goud_pace_rests(threads)) }

  /// Does a piece of work on the calling thread, which rests meanwhile as often as it takes. For work that computes and
  /// reads and writes files: it is interrupted by signals, and what waits for others would only wait longer. Not nested.
  public func work<Result>(_ body: () throws -> Result) rethrows -> Result {
    let nice = nice.load(ordering: .relaxed)
    guard nice > 0 else { return try body() }
    if let (others, processors) = sensor() {
      goud_pace_set(threads, Self.share(others: others, of: processors, nice: nice))
    }
    goud_pace_begin(threads)
    defer { goud_pace_end() }
    return try body()
  }

  /// - Returns: how many of `processors` may be used while others use `others` of them. At least the part that Linux
  ///   gives one of that nice value beside one of 0: each step is a factor of 1.25 (sched(7)).
  static func share(others: Double, of processors: Double, nice: Int) -> Double {
    max(processors * pow(1.25, -Double(nice)), processors - 1.5 * others)
  }
}

/// The machine's processors as `/proc/stat` tells (proc_stat(5)).
struct ProcessorUse {
  /// Seconds since the machine's start in which processors did anything.
  let busy: Double
  let processors: Double
  /// Threads that run or wait for a processor at this moment.
  let running: Double

  init?(_ table: [UInt8]) {
    let lines = String(decoding: table, as: UTF8.self).split(separator: "\n").map { $0.split(separator: " ") }
    let ofAll = lines.first { $0[0] == "cpu" }?.dropFirst().compactMap { Double($0) } ?? []
    let running = lines.first { $0[0] == "procs_running" }?.last.flatMap { Double($0) }
    processors = Double(lines.count { $0[0].hasPrefix("cpu") } - 1)
    // user, nice, system, idle, iowait, irq, softirq, steal; guests' time is in the user's.
    guard let running, ofAll.count >= 8, processors > 0 else { return nil }
    self.running = running
    busy = (ofAll[..<3].reduce(0, +) + ofAll[5..<8].reduce(0, +)) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  /// Answers once in a quarter of a second at most, as the table counts in hundredths; at first with how many threads run
  /// just then, which is at least a guess.
  static var sensor: Pace.Sensor {
    let last = Mutex<(at: Double, busy: Double, own: Double)?>(nil)
    return {
      last.withLock { last in
        let now = now(CLOCK_MONOTONIC)
        if let last, now < last.at + 0.25 { return nil }
        guard let table = try? Descriptor.open("/proc/stat", O_RDONLY).readAll(limit: 1 << 20),
          let use = ProcessorUse(table)
        else { return nil }
        let own = Self.now(CLOCK_PROCESS_CPUTIME_ID)
        defer { last = (now, use.busy, own) }
        guard let last else { return (max(0, use.running - 1), use.processors) }
        return (max(0, (use.busy - last.busy - own + last.own) / (now - last.at)), use.processors)
      }
    }
  }

  private static func now(_ clock: clockid_t) -> Double {
    var time = timespec()
    clock_gettime(clock, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
