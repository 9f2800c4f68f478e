import GoudCore
import Synchronization

/// Lets one ledger into a directory at a time, and says who is in when another comes.
///
/// RocksDB's own lock does the same but tells only by its words that it was held; and asking that lock about a
/// directory that this process has open would release it.
final class LedgerDoor: Sendable {
  private static let open = Mutex<Set<FileIdentity>>([])

  private let identity: FileIdentity

  /// - Throws: `volume.database-open`; nothing is left behind then.
  init(_ directory: String) throws {
    guard let status = try FileSystem.status(FileSystem.realPath(directory) ?? directory), status.isDirectory else {
      throw LedgerFault.notALedger(directory, "is not a directory")
    }
    let identity = status.identity
    guard Self.open.withLock({ $0.insert(identity).inserted }) else {
      throw Self.busy(directory, "this process")
    }
    self.identity = identity
    if let holder = try DatabaseLock.holder(of: directory) { throw Self.busy(directory, "\(holder)") }
  }

  deinit { _ = Self.open.withLock { $0.remove(identity) } }

  private static func busy(_ directory: String, _ holder: String) -> GoudError {
    GoudError(
      .volumeBusy, "the ledger in \(directory) is open (\(holder))", hint: "stop the node, then try again",
      context: ["path": directory])
  }
}
