import Crypto
import GoudCore
import RocksDB
import Synchronization

/// Data entries that end an account's key or sessions. To whoever does not know them they are entries like any other:
/// nothing about the chain's format is new. What makes them what they are is their id, which no client chooses and which
/// is the same for whoever works it out: so one look-up tells, at any node, and there is never a second one.
public enum Revocation {
  /// Of the entry that ends the account's API key, for good.
  public static func key(of account: [UInt8]) -> [UInt8] { id("goud key revoked v1\0", account, nil) }

  /// Of the entry that ends all sessions of the account that began before this minute was over.
  /// - Parameter minute: since 1970.
  public static func sessions(of account: [UInt8], minute: UInt64) -> [UInt8] {
    id("goud sessions ended v1\0", account, minute)
  }

  /// The first 16 bytes of SHA-256.
  private static func id(_ text: String, _ account: [UInt8], _ number: UInt64?) -> [UInt8] {
    var preimage = Array(text.utf8) + account
    if let number { preimage.append(bigEndian: number) }
    return Array(SHA256.hash(data: preimage).prefix(16))
  }
}

extension SealedData {
  /// Whether it ends its account's key.
  public var endsKey: Bool { id == Revocation.key(of: account) }

  /// Whether it ends sessions: those of the minute in which it was made.
  public var endsSessions: Bool { id == Revocation.sessions(of: account, minute: created / 60_000) }
}

extension Ledger {
  /// Changes whenever an entry has come or gone that ends a key or sessions; another one with every opening. What was
  /// found out under one revision holds as long as it stays.
  public var revision: UInt64 { revisions.load(ordering: .acquiring) }

  /// Whether the account's key was ended, acknowledged or not.
  public func isRevoked(_ account: [UInt8]) throws -> Bool { try has(Revocation.key(of: account), of: account) }

  /// Whether the account's sessions of this minute and all before were ended, acknowledged or not.
  public func hasEnded(sessionsOf account: [UInt8], minute: UInt64) throws -> Bool {
    try has(Revocation.sessions(of: account, minute: minute), of: account)
  }

  private func has(_ id: [UInt8], of account: [UInt8]) throws -> Bool {
    try index(LedgerFormat.entryIDs, id)?.starts(with: account) == true
  }

  /// It is written.
  func noteRevocations(in contents: some Sequence<[Entry]>) {
    for case .data(let data) in contents.joined() where data.endsKey || data.endsSessions { noteRevocation() }
  }

  func noteRevocation() { revisions.add(1, ordering: .acquiringAndReleasing) }
}
