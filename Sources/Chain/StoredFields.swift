import RocksDB

/// The fields of an encoded message, where they lie: nothing is copied, and nothing behind the field that is looked for
/// is read. For blocks that this node has stored, and so has checked; others are decoded (`Block`).
struct StoredFields {
  enum Value {
    case number(UInt64)
    case bytes(UnsafeRawBufferPointer)
  }

  /// The bytes are no message of numbers and byte fields.
  struct Malformed: Error {}

  private let bytes: UnsafeRawBufferPointer
  private var place = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// - Returns: nil behind the last one.
  mutating func next() throws(Malformed) -> (field: UInt64, value: Value)? {
    guard place < bytes.count else { return nil }
    let key = try number()
    switch key & 7 {
    case 0: return (key >> 3, .number(try number()))
    case 2:
      let count = try number()
      guard count <= UInt64(bytes.count - place) else { throw Malformed() }
      defer { place += Int(count) }
      return (key >> 3, .bytes(UnsafeRawBufferPointer(rebasing: bytes[place..<place + Int(count)])))
    default: throw Malformed()
    }
  }

  /// The bytes of the field `number`, of several the one at `index`.
  mutating func bytes(_ number: UInt64, at index: UInt32 = 0) throws(Malformed) -> UnsafeRawBufferPointer? {
    var before = index
    while let (field, value) = try next() {
      guard field == number, case .bytes(let found) = value else { continue }
      if before == 0 { return found }
      before -= 1
    }
    return nil
  }

  private mutating func number() throws(Malformed) -> UInt64 {
    var number: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 64, by: 7) {
      guard place < bytes.count else { throw Malformed() }
      let byte = bytes[place]
      place += 1
      number |= UInt64(byte & 0x7f) << shift
      if byte & 0x80 == 0 { return number }
    }
    throw Malformed()
  }
}

/// What a list shows of an entry: all but its payload.
public struct EntryHead: Sendable, Hashable {
  public let id: [UInt8]
  public let account: [UInt8]
  /// Sealed.
  public let label: [UInt8]
  /// Bytes of the sealed payload.
  public let payloadBytes: Int
  /// Milliseconds since 1970.
  public let created: UInt64

  /// Those at some places of a block, which is passed over once.
  /// - Parameters:
  ///   - block: encoded.
  ///   - indexes: in any order, each once.
  /// - Returns: in the same order; nil when there is no data of an account at one of the places.
  static func heads(
    in block: UnsafeRawBufferPointer, at indexes: [UInt32]
  ) throws(StoredFields.Malformed) -> [EntryHead]? {
    // The numbers of chain.proto: `Block.entries`, `Entry.data`, `SealedData`.
    var fields = StoredFields(block)
    var heads: [UInt32: EntryHead] = [:]
    var passed: UInt32 = 0
    for index in indexes.sorted() {
      guard index >= passed, let entry = try fields.bytes(8, at: index - passed), let head = try EntryHead(of: entry)
      else { return nil }
      heads[index] = head
      passed = index + 1
    }
    return indexes.compactMap { heads[$0] }
  }

  private init?(of entry: UnsafeRawBufferPointer) throws(StoredFields.Malformed) {
    var fields = StoredFields(entry)
    guard let data = try fields.bytes(3) else { return nil }
    var (id, account, label, payloadBytes, created) = ([UInt8](), [UInt8](), [UInt8](), 0, UInt64(0))
    fields = StoredFields(data)
    while let (field, value) = try fields.next() {
      switch (field, value) {
      case (1, .bytes(let bytes)): id = Array(bytes)
      case (2, .bytes(let bytes)): account = Array(bytes)
      case (3, .bytes(let bytes)): label = Array(bytes)
      case (4, .bytes(let bytes)): payloadBytes = bytes.count
      case (5, .number(let number)): created = number
      default: throw StoredFields.Malformed()
      }
    }
    guard id.count == SealedData.idCount, account.count == Account.idCount else { return nil }
    (self.id, self.account, self.label) = (id, account, label)
    (self.payloadBytes, self.created) = (payloadBytes, created)
  }
}
