import Chain
import GoudCore

/// Waits for the device on a thread of its own, so that the engine decides and sends meanwhile.
actor Disk {
  private nonisolated let executor = ThreadExecutor(name: "goud disk")
  private let ledger: Ledger

  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  init(_ ledger: Ledger) { self.ledger = ledger }

  /// Returns when everything appended before the call is on the device.
  func synchronize() throws { try ledger.synchronize() }
}
