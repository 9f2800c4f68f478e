import Foundation
import GoudCore
import RocksDB
import Synchronization

/// A node's chain on its own RocksDB: the blocks, what finds entries in them, and how far they are acknowledged.
///
/// Thread-safe; every call may wait for the device, so keep them off the cooperative pool. What is appended must have
/// passed `BlockRules`: the ledger itself checks only that it follows the head and that its ids are new.
public final class Ledger: Sendable {
  public let directory: String
  public let genesisBlock: Block
  public let rules: BlockRules
  private let door: LedgerDoor
  let database: Database
  let state: Mutex<LedgerState>
  /// Ids of accounts that are in the chain; what is not here has to be looked for. Emptied when blocks are taken back.
  let knownAccounts = Mutex<Set<[UInt8]>>([])
  /// What some accounts store, as it is written. Emptied when blocks are taken back.
  let knownSums = Mutex<[[UInt8]: UInt64]>([:])
  let revisions = Atomic<UInt64>(.random(in: 0...(.max >> 1)))
  /// Held by whoever changes the database.
  let writing = Mutex<Void>(())

  public var genesis: Genesis { rules.genesis }
  /// The genesis block's hash.
  public var chain: BlockHash { rules.chain }
  /// The newest block, acknowledged or not.
  public var head: BlockReference { state.withLock { $0.head } }
  /// Up to this height blocks are known to be acknowledged; never above the head.
  public var acknowledged: UInt64 { state.withLock { $0.acknowledged } }
  public var promise: EpochPromise? { state.withLock { $0.promise } }

  /// Opens the ledger in `directory`; founds it there when nothing is there yet and a genesis block is given. Takes as
  /// long for a million blocks as for one.
  ///
  /// - Parameters:
  ///   - directory: a volume's `rocksdb`; created when missing, its parent must exist.
  ///   - genesis: block 0 of the chain that is expected; nil takes the chain that is there.
  /// - Throws: `chain.not-a-ledger` (nothing there and no genesis, or another kind of database), `chain.foreign`,
  ///   `chain.newer-schema`: all with nothing changed; `database.corrupt` when what is there is damaged;
  ///   `volume.database-open` when another process has it open; `chain.invalid` for a bad `genesis`.
  public convenience init(directory: String, genesis: Block? = nil) throws {
    let opening = try LedgerOpening(directory: directory, expected: genesis)
    try self.init(opening)
  }

  private init(_ opening: LedgerOpening) throws {
    directory = opening.directory
    door = opening.door
    database = opening.database
    genesisBlock = opening.genesis
    rules = opening.rules
    state = Mutex(opening.state)
  }
}
