import Chain
import Foundation
import GoudCore
import Synchronization
import TestSupport

@testable import Backup
@testable import Restore
@testable import Retention

/// Nodes as a restore meets them: each has its ledger open while it runs, and refuses a volume that a restore has not
/// confirmed. It does nothing that a node would not do, and forgives nothing that a node would not forgive.
final class FakeRunner: NodeRunner {
  private let volumes: String
  private let running = Mutex<[String: Ledger]>([:])
  private let log = Mutex<[String]>([])
  /// Nodes that come up and never get well.
  let sick: Set<String>
  /// Nodes that cannot be stopped.
  let stubborn: Set<String>
  /// What somebody else does while a node is waited for.
  let meanwhile: @Sendable () throws -> Void

  init(
    _ fixture: ChainFixture, running nodes: [String], sick: Set<String> = [], stubborn: Set<String> = [],
    meanwhile: @escaping @Sendable () throws -> Void = {}
  ) throws {
    self.meanwhile = meanwhile
    volumes = fixture.volumes
    self.sick = sick
    self.stubborn = stubborn
    for node in nodes { try open(node) }
  }

  /// `stop node1`, `start node1`, `confirm node1 at 5`, in order.
  var events: [String] { log.withLock { $0 } }
  var nodes: [String] { running.withLock { $0.keys.sorted() } }
  func head(_ node: String) -> BlockReference? { running.withLock { $0[node]?.head } }

  func runningNodes() async throws -> [String] { nodes }

  func stop(_ node: String) async throws {
    log.withLock { $0.append("stop \(node)") }
    if stubborn.contains(node) { throw GoudError(.ioFailed, "\(node) does not stop") }
    running.withLock { _ = $0.removeValue(forKey: node) }
  }

  func start(_ node: String) async throws {
    log.withLock { $0.append("start \(node)") }
    if running.withLock({ $0[node] == nil }) { try open(node) }
  }

  func confirm(_ node: String, head: BlockReference?, timeout: Duration) async throws {
    log.withLock { $0.append("confirm \(node) at \(head.map { "\($0.height)" } ?? "nothing")") }
    try meanwhile()
    guard !sick.contains(node) else { throw GoudError(.nodeNotReady, "\(node) says that it is not well") }
    guard let ledger = running.withLock({ $0[node] }) else { throw GoudError(.nodeNotReady, "\(node) does not run") }
    if let head, try ledger.reference(at: head.height) != head {
      throw GoudError(.nodeNotReady, "\(node) does not hold \(head)")
    }
  }

  private func open(_ node: String) throws {
    let volume = "\(volumes)/\(node)_data"
    try RestoreGate.check(volume)
    let ledger = try Ledger(directory: "\(volume)/rocksdb")
    running.withLock { $0[node] = ledger }
  }
}
