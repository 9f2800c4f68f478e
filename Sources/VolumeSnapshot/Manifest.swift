import GoudCore
import RocksDB

/// What a `MANIFEST` says of the column families: how they must be opened. It is the database's own word; `OPTIONS` may be
/// missing, and writes names in a way of its own.
struct Manifest {
  struct Family {
    let id: UInt32
    var name: [UInt8]
    var order = KeyOrder.bytewise { didSet { isOrderedByApplication = !KeyOrder.isShipped(order) } }
    /// Whether only the application knows the order of its keys.
    private(set) var isOrderedByApplication = false
    var keepsTimestamps = true
    var levels = 7
    /// Live tables: level, smallest and largest key. Only for an order that RocksDB does not ship.
    var tables: [UInt64: (level: Int, smallest: [UInt8], largest: [UInt8])] = [:]
    /// Live tables by the number of their directory.
    var directories: [UInt64: Set<UInt64>] = [:]

    init(id: UInt32, name: [UInt8]) {
      self.id = id
      self.name = name
    }
  }

  private(set) var families: [UInt32: Family] = [0: Family(id: 0, name: Array("default".utf8))]
  private let file: Descriptor

  init(_ file: Descriptor) throws {
    self.file = file
    try ManifestRecords.read(file) { apply(ManifestEdit($0)) }
  }

  private mutating func apply(_ edit: ManifestEdit) {
    if edit.isDropped {
      families[edit.family] = nil
      return
    }
    if let name = edit.added { families[edit.family] = Family(id: edit.family, name: name) }
    guard var family = families.removeValue(forKey: edit.family) else { return }
    if let order = edit.order { family.order = order }
    if let keeps = edit.keepsTimestamps { family.keepsTimestamps = keeps }
    for number in edit.deleted {
      family.tables[number] = nil
      for directory in family.directories.keys { family.directories[directory]?.remove(number) }
    }
    for table in edit.tables { family.directories[table.directory, default: []].insert(table.number) }
    for table in edit.tables { family.levels = max(family.levels, table.level + 1) }
    if !edit.tables.isEmpty && family.isOrderedByApplication {
      for table in edit.tables {
        family.tables[table.number] = (table.level, Array(table.smallest), Array(table.largest))
      }
    }
    families[edit.family] = family
  }

  /// A copy in which the tables of these families are named by their numbers in place of their keys, in the order of
  /// bytes: RocksDB proves everything of them but the order, which it need not know.
  func anonymous(_ ids: Set<UInt32>, to copy: Descriptor) throws {
    var writer = ManifestRecords.Writer(copy)
    try ManifestRecords.read(file) { record in
      let edit = ManifestEdit(record)
      try writer.append(ids.contains(edit.family) ? edit.anonymous(record, order: KeyOrder.bytewise) : record)
    }
    try writer.flush()
  }
}

extension Manifest.Family {
  /// The direction of bytes in which no table of a level reaches into the next one; forwards if both do, nil if neither.
  var backwards: Bool? { runs(backwards: false) ? false : runs(backwards: true) ? true : nil }

  private func runs(backwards: Bool) -> Bool {
    func before(_ left: [UInt8], _ right: [UInt8]) -> Bool {
      backwards ? right.lexicographicallyPrecedes(left) : left.lexicographicallyPrecedes(right)
    }
    guard tables.values.allSatisfy({ !before($0.largest, $0.smallest) }) else { return false }
    return Dictionary(grouping: tables.values, by: \.level).allSatisfy { level, tables in
      guard level > 0 else { return true }
      let sorted = tables.sorted { before($0.smallest, $1.smallest) }
      return zip(sorted, sorted.dropFirst()).allSatisfy { !before($1.smallest, $0.largest) }
    }
  }

  /// - Parameter anonymous: its tables are named by their numbers.
  func opening(anonymous: Bool) -> FamilyOpening {
    var opening = FamilyOpening(name: name)
    if !anonymous { opening.order = order }
    opening.backwards = !anonymous && backwards == true
    opening.levels = levels
    opening.keepsTimestamps = keepsTimestamps
    return opening
  }
}
