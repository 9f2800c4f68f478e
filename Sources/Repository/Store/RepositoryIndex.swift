/// Which blob lies where: all indexes of a repository together, in 48 bytes a blob and some for finding it.
public struct RepositoryIndex: Sendable {
  /// A pack, and a blob in it.
  public struct Place: Sendable, Equatable {
    public let pack: ObjectID
    public let entry: PackEntry
  }

  private struct Record {
    let id: ObjectID
    let offset: UInt32
    let length: UInt32
    let uncompressedLength: UInt32
    /// The pack's number; the highest bit says that it is a tree.
    let packAndKind: UInt32

    static let treeBit: UInt32 = 1 << 31

    var kind: BlobKind { packAndKind & Self.treeBit == 0 ? .data : .tree }
    var pack: Int { Int(packAndKind & ~Self.treeBit) }

    var entry: PackEntry {
      PackEntry(id: id, kind: kind, offset: offset, length: length, uncompressedLength: uncompressedLength)
    }
  }

  private var records: [Record] = []
  /// Open addressing: numbers of records plus 1, 0 for an empty one; the count is a power of two.
  private var slots: [UInt32] = []
  private var packs: [(id: ObjectID, records: Range<Int>)] = []
  private var packNumbers: [ObjectID: Int] = [:]
  /// Packs that two indexes speak of differently.
  public private(set) var disputed: Set<ObjectID> = []

  public init() {}

  /// Blobs, each copy counted.
  public var blobCount: Int { records.count }
  public var packCount: Int { packs.count }

  /// Adds what an index says of a pack. Of a pack that is known already nothing is added; when it differs, the pack is
  /// `disputed`.
  public mutating func add(pack id: ObjectID, _ entries: [PackEntry]) {
    if let number = packNumbers[id] {
      if self.entries(number) != entries { disputed.insert(id) }
      return
    }
    let first = records.count
    packNumbers[id] = packs.count
    for entry in entries {
      records.append(
        Record(
          id: entry.id, offset: entry.offset, length: entry.length, uncompressedLength: entry.uncompressedLength,
          packAndKind: UInt32(packs.count) | (entry.kind == .tree ? Record.treeBit : 0)))
      insert(records.count - 1)
    }
    packs.append((id, first..<records.count))
  }

  public func contains(_ id: ObjectID, as kind: BlobKind) -> Bool { first(id, kind) != nil }

  /// How many bytes a blob has; nil when there is none.
  public func plainLength(of id: ObjectID, as kind: BlobKind) -> Int? { first(id, kind)?.entry.plainLength }

  /// Every copy of a blob; the one that was added first comes first.
  public func places(of id: ObjectID, as kind: BlobKind) -> [Place] {
    var found: [Int] = []
    probe(id) { number in
      if records[number].id == id && records[number].kind == kind { found.append(number) }
      return true
    }
    return found.sorted().map { Place(pack: packs[records[$0].pack].id, entry: records[$0].entry) }
  }

  /// Every pack and what is in it, in the order in which they were added.
  public func forEachPack(_ body: (ObjectID, [PackEntry]) throws -> Void) rethrows {
    for number in packs.indices { try body(packs[number].id, entries(number)) }
  }

  public var packIDs: [ObjectID] { packs.map(\.id) }

  /// What is in a pack; nil when no index knows it.
  public func entries(of pack: ObjectID) -> [PackEntry]? { packNumbers[pack].map(entries) }

  private func entries(_ number: Int) -> [PackEntry] { records[packs[number].records].map(\.entry) }

  // MARK: Finding

  private func first(_ id: ObjectID, _ kind: BlobKind) -> Record? {
    var result: Record?
    probe(id) { number in
      guard records[number].id == id, records[number].kind == kind else { return true }
      result = records[number]
      return false
    }
    return result
  }

  /// The records that may be of `id`, until `body` says that it has enough.
  private func probe(_ id: ObjectID, _ body: (Int) -> Bool) {
    guard !slots.isEmpty else { return }
    var slot = Int(truncatingIfNeeded: id.prefix) & (slots.count - 1)
    while slots[slot] != 0, body(Int(slots[slot]) - 1) { slot = (slot + 1) & (slots.count - 1) }
  }

  private mutating func insert(_ number: Int) {
    if records.count * 3 > slots.count * 2 {
      slots = [UInt32](repeating: 0, count: max(64, slots.count * 2))
      for earlier in 0...number { place(earlier) }
    } else {
      place(number)
    }
  }

  private mutating func place(_ number: Int) {
    var slot = Int(truncatingIfNeeded: records[number].id.prefix) & (slots.count - 1)
    while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
    slots[slot] = UInt32(number + 1)
  }
}
