import Crypto

/// A stored block as the verifier reads it: pointers into RocksDB's memory, good until its iterator moves.
struct ScannedBlock {
  var height: UInt64 = 0
  var epoch: UInt64 = 0
  var time: UInt64 = 0
  var previous = UnsafeRawBufferPointer(start: nil, count: 0)
  var merkleRoot = UnsafeRawBufferPointer(start: nil, count: 0)
  var producer = UnsafeRawBufferPointer(start: nil, count: 0)
  var signature = UnsafeRawBufferPointer(start: nil, count: 0)
  var entries: [UnsafeRawBufferPointer] = []

  init(_ bytes: UnsafeRawBufferPointer) throws(WireReader.Malformed) {
    var reader = WireReader(bytes, repeated: 8)
    while let (field, value) = try reader.next() {
      switch (field, value) {
      case (1, .number(let number)): height = number
      case (2, .number(let number)): epoch = number
      case (3, .number(let number)): time = number
      case (4, .bytes(let bytes)): previous = bytes
      case (5, .bytes(let bytes)): merkleRoot = bytes
      case (6, .bytes(let bytes)): producer = bytes
      case (7, .bytes(let bytes)): signature = bytes
      case (8, .bytes(let bytes)): entries.append(bytes)
      default: throw WireReader.Malformed()
      }
    }
    guard previous.count == 32, merkleRoot.count == 32, producer.count == 32, signature.count == 64 else {
      throw WireReader.Malformed()
    }
  }

  /// SHA-256 over the preimage, put together from docs/chain.md.
  /// - Parameter chain: 32 bytes; zeros for block 0.
  func hash(chain: [UInt8]) -> [UInt8] {
    var preimage: [UInt8] = []
    preimage.reserveCapacity(170)
    preimage.append(contentsOf: "goud block v1\0".utf8)
    preimage.append(contentsOf: chain)
    for number in [height, epoch, time] {
      withUnsafeBytes(of: number.bigEndian) { preimage.append(contentsOf: $0) }
    }
    preimage.append(contentsOf: previous)
    preimage.append(contentsOf: merkleRoot)
    withUnsafeBytes(of: UInt32(entries.count).bigEndian) { preimage.append(contentsOf: $0) }
    preimage.append(contentsOf: producer)
    return Array(SHA256.hash(data: preimage))
  }

  /// The tree hash of RFC 6962 as it is defined there: split where the largest power of two lies below the number of
  /// leaves, and go down.
  static func root(_ leaves: ArraySlice<UnsafeRawBufferPointer>) -> [UInt8] {
    var state = SHA256()
    switch leaves.count {
    case 0: break
    case 1:
      withUnsafeBytes(of: UInt8(0)) { state.update(bufferPointer: $0) }
      state.update(bufferPointer: leaves[leaves.startIndex])
    default:
      var split = 1
      while split * 2 < leaves.count { split *= 2 }
      let middle = leaves.startIndex + split
      state.update(data: [1] + root(leaves[..<middle]) + root(leaves[middle...]))
    }
    return Array(state.finalize())
  }
}

/// An entry as the verifier reads it.
enum ScannedEntry {
  case genesis(ScannedGenesis)
  case account(id: [UInt8], keyHash: [UInt8])
  case data(id: [UInt8], account: [UInt8])

  init(_ bytes: UnsafeRawBufferPointer) throws(WireReader.Malformed) {
    var reader = WireReader(bytes)
    guard let (field, value) = try reader.next(), case .bytes(let content) = value, try reader.next() == nil else {
      throw WireReader.Malformed()
    }
    switch field {
    case 1: self = .genesis(try ScannedGenesis(content))
    case 2:
      let fields = try Self.fields(content, numbers: 3...3, bytes: 1...2)
      guard fields[1].count == 16, fields[2].count == 32 else { throw WireReader.Malformed() }
      self = .account(id: Array(fields[1]), keyHash: Array(fields[2]))
    case 3:
      let fields = try Self.fields(content, numbers: 5...5, bytes: 1...4)
      guard fields[1].count == 16, fields[2].count == 16 else { throw WireReader.Malformed() }
      self = .data(id: Array(fields[1]), account: Array(fields[2]))
    default: throw WireReader.Malformed()
    }
  }

  /// The fields that hold bytes, by number; those that hold a number are only looked at.
  private static func fields(
    _ content: UnsafeRawBufferPointer, numbers: ClosedRange<UInt64>, bytes: ClosedRange<UInt64>
  ) throws(WireReader.Malformed) -> [UnsafeRawBufferPointer] {
    var found = [UnsafeRawBufferPointer](repeating: .init(start: nil, count: 0), count: 6)
    var reader = WireReader(content)
    while let (field, value) = try reader.next() {
      switch value {
      case .number: guard numbers.contains(field) else { throw WireReader.Malformed() }
      case .bytes(let value):
        guard bytes.contains(field) else { throw WireReader.Malformed() }
        found[Int(field)] = value
      }
    }
    return found
  }
}

/// What block 0 founds the chain on, as the verifier reads it.
struct ScannedGenesis {
  private(set) var schemaVersion: UInt64 = 0
  /// Names and keys, the authority first.
  private(set) var validators: [(name: String, key: [UInt8])] = []
  private(set) var network = ""

  init(_ bytes: UnsafeRawBufferPointer) throws(WireReader.Malformed) {
    var nonce = 0
    var reader = WireReader(bytes, repeated: 3)
    while let (field, value) = try reader.next() {
      switch (field, value) {
      case (1, .bytes(let name)): network = try Self.name(name)
      case (2, .number(let number)): schemaVersion = number
      case (3, .bytes(let validator)): validators.append(try Self.validator(validator))
      case (4, .bytes(let bytes)): nonce = bytes.count
      default: throw WireReader.Malformed()
      }
    }
    guard !network.isEmpty, nonce == 16, (1...64).contains(validators.count),
      Set(validators.map(\.name)).count == validators.count, Set(validators.map(\.key)).count == validators.count
    else { throw WireReader.Malformed() }
  }

  private static func validator(
    _ bytes: UnsafeRawBufferPointer
  ) throws(WireReader.Malformed) -> (name: String, key: [UInt8]) {
    var reader = WireReader(bytes)
    guard let (first, name) = try reader.next(), first == 1, case .bytes(let name) = name,
      let (second, key) = try reader.next(), second == 2, case .bytes(let key) = key, key.count == 32,
      try reader.next() == nil
    else { throw WireReader.Malformed() }
    return (try Self.name(name), Array(key))
  }

  private static func name(_ bytes: UnsafeRawBufferPointer) throws(WireReader.Malformed) -> String {
    guard bytes.count <= 64,
      bytes.allSatisfy({ (97...122).contains($0) || (48...57).contains($0) || [45, 46, 95].contains($0) })
    else { throw WireReader.Malformed() }
    return String(decoding: bytes, as: UTF8.self)
  }
}
