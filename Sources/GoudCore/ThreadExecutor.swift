import CGoudLinux
import Foundation

/// Runs the jobs of one actor on a thread of its own, in the order of their arrival. What such an actor does may block
/// (a database that waits for its disk) without keeping anything else waiting.
///
/// The thread ends when the executor is released and its last job is done.
public final class ThreadExecutor: SerialExecutor {
  private let jobs: JobQueue

  public init(name: String) {
    let jobs = JobQueue()
    self.jobs = jobs
    let thread = Thread {
      // By the kernel's own call (`top -H`): Foundation names a thread that it knows already, or not at all.
      goud_name_thread(name)
      while let batch = jobs.take() { for job in batch { job() } }
    }
    thread.stackSize = 4 << 20
    thread.start()
  }

  deinit { jobs.close() }

  public func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    // Holds the executor until the job has run: an actor may end with its last job.
    jobs.add { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
  }

  public func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }
}

/// Jobs waiting for a thread. Not bounded by itself: whoever calls an actor waits for its answer, so that it holds at
/// most one job of each caller.
private final class JobQueue: @unchecked Sendable {
  private let condition = NSCondition()
  private var waiting: [@Sendable () -> Void] = []
  private var closed = false

  func add(_ job: @escaping @Sendable () -> Void) {
    condition.lock()
    waiting.append(job)
    condition.signal()
    condition.unlock()
  }

  func close() {
    condition.lock()
    closed = true
    condition.signal()
    condition.unlock()
  }

  /// All that waits; waits for the first. nil once closed and empty.
  func take() -> [@Sendable () -> Void]? {
    condition.lock()
    defer { condition.unlock() }
    while waiting.isEmpty && !closed { condition.wait() }
    defer { waiting = [] }
    return waiting.isEmpty ? nil : waiting
  }
}
