/// The column families that find entries, and what each must hold: written down here a second time, from docs/chain.md,
/// so that the verifier does not believe what the ledger writes.
enum IndexFamily: Int, CaseIterable, Sendable {
  case accounts, accountKeys, entries, entryIDs

  var name: String {
    switch self {
    case .accounts: "accounts"
    case .accountKeys: "account_keys"
    case .entries: "entries"
    case .entryIDs: "entry_ids"
    }
  }

  struct Row {
    let family: IndexFamily
    let key: [UInt8]
    let value: [UInt8]
  }

  /// - Parameter place: height and index, 12 bytes.
  static func rows(of entry: ScannedEntry, at place: [UInt8]) -> [Row] {
    switch entry {
    case .genesis: []
    case .account(let id, let keyHash):
      [Row(family: .accounts, key: id, value: place), Row(family: .accountKeys, key: keyHash, value: id)]
    case .data(let id, let account):
      [
        Row(family: .entries, key: account + place, value: id),
        Row(family: .entryIDs, key: id, value: account + place),
      ]
    }
  }

  /// - Returns: height as 8 bytes, index as 4, big-endian.
  static func place(_ height: UInt64, _ index: Int) -> [UInt8] {
    withUnsafeBytes(of: height.bigEndian) { Array($0) } + withUnsafeBytes(of: UInt32(index).bigEndian) { Array($0) }
  }

  /// The height at the beginning of a place.
  static func height(_ place: some Collection<UInt8>) -> UInt64 { place.prefix(8).reduce(0) { $0 << 8 | UInt64($1) } }
}

/// One sum for each family.
struct IndexSums: Sendable {
  private(set) var sums = [IndexSum](repeating: IndexSum(), count: IndexFamily.allCases.count)

  subscript(family: IndexFamily) -> IndexSum {
    get { sums[family.rawValue] }
    set { sums[family.rawValue] = newValue }
  }

  mutating func add(_ other: IndexSums) {
    for family in IndexFamily.allCases { self[family].add(other[family]) }
  }
}
