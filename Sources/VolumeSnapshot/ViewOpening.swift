import GoudCore
import RocksDB

/// An order of keys that only the application knows, and that is not the one of bytes in either direction: what cannot be
/// proven of a column family.
public struct UnprovenOrder: Sendable, Codable, Equatable {
  public let family: String
  /// The name of the order (`Comparator::Name()`).
  public let order: String
}

/// A view as RocksDB opened it.
///
/// An order of keys that RocksDB does not ship is stood in for: by the order of bytes, forwards or backwards, where the
/// tables' first and last keys say so. Otherwise the tables are named by their numbers in place of keys in the list of
/// files that RocksDB gets to see, so that it proves everything but the order (docs/decisions/0011).
struct ViewOpening {
  let view: DatabaseView
  private(set) var unprovenOrders: [UnprovenOrder] = []
  /// The names of tables that were read from end to end meanwhile.
  private(set) var provenTables: Set<String> = []

  /// Tables that the linked library cannot read.
  let unreadable: Set<DatabaseFileName>

  /// Live tables that lie in one directory, as the `MANIFEST` has it.
  let neighbours: [Set<UInt64>]

  private let ordered: [Manifest.Family]

  init(_ view: SnapshotView, of capture: DatabaseCapture) throws {
    let manifest = try Manifest(view.manifestCopy)
    neighbours = manifest.families.values.flatMap(\.directories.values)
    let own = manifest.families.values.filter(\.isOrderedByApplication)
    let formats = capture.tables.files.filter { $0.key.isTable }.mapValues(\.format)
    unreadable = Set(formats.filter { !$0.value.isReadable }.keys)
    let mapped = formats.values.contains(.cuckoo)
    func open(_ unknown: [Manifest.Family]) throws -> DatabaseView {
      let ids = Set(unknown.map(\.id))
      let openings = manifest.families.values.map { $0.opening(anonymous: ids.contains($0.id)) }
      guard !ids.isEmpty else { return try DatabaseView(directory: view.path, openings: openings, mapped: mapped) }
      let anonymous = try view.anonymousFile()
      try manifest.anonymous(ids, to: anonymous)
      return try view.showing(anonymous) {
        try DatabaseView(directory: view.path, openings: openings, mapped: mapped)
      }
    }
    var unknown = own.filter { $0.backwards == nil }
    do {
      self.view = try open(unknown)
    } catch let error as RocksDBError where error.kind == .corruption && unknown.count < own.count {
      // Perhaps it is the stand-in that is wrong, and not the database.
      guard let opened = try? open(own) else { throw error }
      self.view = opened
      unknown = own
    }
    let ids = Set(unknown.map(\.id))
    unprovenOrders = unknown.map(UnprovenOrder.init)
    ordered = own.filter { !ids.contains($0.id) }
  }

  /// Reads all keys of the tables whose order is stood in for, and their blocks' checksums on the way.
  mutating func proveOrders(_ capture: DatabaseCapture, cancellation: Cancellation) throws {
    for family in ordered {
      var isProven = true
      for number in family.tables.keys.sorted() where isProven {
        try cancellation.check()
        // What is wrong with a table is said when it is its turn.
        guard let held = capture.tables.files[.table(number)],
          let seen = try? DatabaseView.verifyTable("/proc/self/fd/\(held.file.fd)", readKeys: true)
        else { continue }
        provenTables.insert(held.name)
        isProven = !(family.backwards == true ? seen.forwards : seen.backwards)
      }
      if !isProven { unprovenOrders.append(UnprovenOrder(family)) }
    }
    unprovenOrders.sort { $0.family < $1.family }
  }
}

extension UnprovenOrder {
  fileprivate init(_ family: Manifest.Family) {
    self.init(family: family.name.shownAsName, order: family.order)
  }
}
