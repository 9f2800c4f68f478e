package import Archive
import Foundation

/// What a backup holds, told by what it is: chains and databases, of which retention never deletes the last good copy.
package struct BackupContents: Codable, Sendable, Equatable {
  package struct Volume: Codable, Sendable, Equatable {
    package var name: String
    /// Whether everything in it could be proven when the backup was made.
    package var proven: Bool
    package var chain: Chain?
    package var databases: [Database]

    package init(name: String, proven: Bool, chain: Chain? = nil, databases: [Database] = []) {
      self.name = name
      self.proven = proven
      self.chain = chain
      self.databases = databases
    }
  }

  package struct Chain: Codable, Sendable, Equatable {
    /// The hash of the genesis block.
    package var id: String
    package var height: Int64

    package init(id: String, height: Int64) {
      self.id = id
      self.height = height
    }
  }

  package struct Database: Codable, Sendable, Equatable {
    /// Relative to the volume.
    package var path: String
    /// Content of RocksDB's `IDENTITY`; empty when it has none.
    package var identity: String
    /// Of the newest write; 0 when it is not known.
    package var sequence: UInt64

    package init(path: String, identity: String, sequence: UInt64) {
      self.path = path
      self.identity = identity
      self.sequence = sequence
    }
  }

  package var volumes: [Volume]

  package init(volumes: [Volume]) { self.volumes = volumes }

  package init(_ metadata: BackupMetadata) {
    volumes = metadata.volumes.map { volume in
      Volume(
        name: volume.name, proven: volume.unproven.isEmpty,
        chain: volume.chain.map { Chain(id: $0.id, height: $0.height) },
        databases: volume.databases.map { Database(path: $0.path, identity: $0.identity, sequence: $0.sequence) })
    }
  }
}

extension BackupContents {
  /// One thing that a backup holds and that no other thing stands in for.
  package struct Holding: Sendable, Equatable {
    package enum Identity: Sendable, Hashable {
      /// A node's ledger. Its volume holds the key of that node, so the ledger of another node does not stand in for it.
      case chain(String, volume: String)
      case database(String)
      /// A database without an `IDENTITY` has nothing but its place.
      case place(volume: String, path: String)
    }

    package let identity: Identity
    /// Whether it could be proven when the backup was made.
    package let proven: Bool
    /// How far it had come: the height of a chain, the sequence number of a database; nil when it is not known.
    package let progress: UInt64?
    /// `node1_data (chain 7f3a12ab90cd)`
    package let label: String

    /// Whether nothing is lost of it with the other one.
    package func standsIn(for other: Holding) -> Bool {
      guard identity == other.identity, proven || !other.proven else { return false }
      return progress ?? 0 >= other.progress ?? 0
    }
  }

  /// A volume without any database is held by its place.
  package var holdings: [Holding] {
    volumes.flatMap { volume -> [Holding] in
      func holding(_ identity: Holding.Identity, _ progress: UInt64, _ what: String) -> Holding {
        Holding(
          identity: identity, proven: volume.proven, progress: progress > 0 ? progress : nil,
          label: "\(volume.name) (\(what))")
      }
      let ledger = volume.chain.map {
        holding(.chain($0.id, volume: volume.name), UInt64(max(0, $0.height)), "chain \($0.id.prefix(12))")
      }
      // The only database of a volume with a chain is the ledger: rebuilt from its peers it is another database.
      let others = ledger != nil && volume.databases.count == 1 ? [] : volume.databases
      let found =
        [ledger].compactMap { $0 }
        + others.map { database in
          database.identity.isEmpty
            ? holding(.place(volume: volume.name, path: database.path), database.sequence, database.path)
            : holding(.database(database.identity), database.sequence, "database \(database.identity.prefix(12))")
        }
      return found.isEmpty ? [holding(.place(volume: volume.name, path: ""), 0, "no database")] : found
    }
  }
}
