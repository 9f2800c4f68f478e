import Foundation
import GoudCore

/// Runs the items' proofs in order on a thread of its own, at most `lead` files ahead of the reader: what it read is
/// still in the page cache when the reader comes, so a cold volume is read once.
final class ProofAhead: @unchecked Sendable {
  private let condition = NSCondition()
  private let proofs: [@Sendable () throws -> Void]
  private let lead: Int
  // Guarded by `condition`.
  private var proven = 0
  private var wanted = 0
  private var stopped = false
  private var running = true
  private var failure: (any Error)?

  init(_ proofs: [@Sendable () throws -> Void], lead: Int = 2) {
    self.proofs = proofs
    self.lead = lead
    let thread = Thread { [self] in run() }
    thread.name = "prove"
    thread.start()
  }

  /// Waits until the next proof, in order, is done.
  func next() throws {
    condition.lock()
    defer { condition.unlock() }
    wanted += 1
    condition.broadcast()
    while failure == nil && proven < wanted { condition.wait() }
    if let failure { throw failure }
  }

  /// Ends the thread and waits for it.
  func stop() {
    condition.lock()
    defer { condition.unlock() }
    stopped = true
    condition.broadcast()
    while running { condition.wait() }
  }

  private func run() {
    for (index, proof) in proofs.enumerated() {
      condition.lock()
      while !stopped && index >= wanted + lead { condition.wait() }
      let goOn = !stopped
      condition.unlock()
      guard goOn else { break }
      do {
        try Pace.process.work(proof)
        change { proven += 1 }
      } catch {
        change { failure = error }
        break
      }
    }
    change { running = false }
  }

  private func change(_ body: () -> Void) {
    condition.lock()
    body()
    condition.broadcast()
    condition.unlock()
  }
}
