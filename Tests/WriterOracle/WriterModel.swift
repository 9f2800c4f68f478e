import GoudCore
public import RocksDB

/// What the writer does, as a pure function: operation `i` (from 1) of a run touches one slot in every column family
/// and notes `i` itself, all in one batch. So the content of the database after any number of operations is known
/// without having watched it.
public struct WriterModel: Sendable {
  public var seed: UInt64
  /// Slots that operations go round: slot = i mod slots.
  public var slots: UInt64
  public var valueBytes: Int
  public var families: [String]

  public init(seed: UInt64, slots: UInt64, valueBytes: Int, families: Int) {
    self.seed = seed
    self.slots = slots
    self.valueBytes = valueBytes
    self.families = ["default"] + (1..<max(1, families)).map { "family\($0)" }
  }

  static let lastKey = Array("~last".utf8)

  /// Puts operation `number` into a batch.
  public func apply(_ number: UInt64, to batch: WriteBatch, of database: Database) {
    for (index, family) in families.enumerated() {
      if let value = value(after: number, family: index) {
        database.put(value, for: key(number % slots), family: family, into: batch)
      } else {
        database.delete(key(number % slots), family: family, into: batch)
      }
      database.put(Self.encode(number), for: Self.lastKey, family: family, into: batch)
    }
  }

  /// The number of the newest operation in the database; 0 for none.
  public func last(in database: Database, family: String = "default") throws -> UInt64 {
    try database.value(for: Self.lastKey, family: family).map(Self.decode) ?? 0
  }

  /// Compares the whole content of the database at `directory` with what some number of operations would have left.
  /// - Parameter strictly: with the recovery mode that opens no log with anything behind its last whole record.
  /// - Returns: that number.
  /// - Throws: `ModelViolation` when no number explains the content; RocksDB's error when it cannot be read.
  public func check(directory: String, strictly: Bool = false) throws -> UInt64 {
    var options = DatabaseOptions()
    if strictly { options.recovery = .refuseAnyDamage }
    let database = try Database(directory: directory, families: families, options: options, readOnly: true)
    let last = try last(in: database)
    for (index, family) in families.enumerated() {
      let own = try self.last(in: database, family: family)
      guard own == last else {
        throw ModelViolation("\(family) ends at operation \(own), default at \(last)")
      }
      try check(database, family: family, index: index, last: last)
    }
    return last
  }

  private func check(_ database: Database, family: String, index: Int, last: UInt64) throws {
    var found: [UInt64: [UInt8]] = [:]
    try database.scan(family: family) { key, value in
      if key.count == 8 { found[Self.decode(Array(key))] = Array(value) }
      return true
    }
    for slot in 0..<slots {
      // The newest operation on this slot that is not after `last`.
      let behind = (last + slots - slot) % slots
      let newest = last >= behind ? last - behind : 0
      let expected = newest > 0 ? value(after: newest, family: index) : nil
      guard found.removeValue(forKey: slot) == expected else {
        throw ModelViolation("\(family) slot \(slot) does not hold operation \(newest) of \(last)")
      }
    }
    guard found.isEmpty else { throw ModelViolation("\(family) holds \(found.count) keys that nobody wrote") }
  }

  /// The value that operation `number` leaves in its slot; nil: it deletes.
  private func value(after number: UInt64, family: Int) -> [UInt8]? {
    // Mixed first: states a step apart would give values that are shifted copies of one another.
    var origin = seed &+ number &* 1024 &+ UInt64(family)
    var state = Self.mix(&origin)
    var bytes = [UInt8](repeating: 0, count: valueBytes)
    guard Self.mix(&state) % 10 != 0 else { return nil }
    // Half noise, half text: compresses about as far as blocks of a chain do.
    for index in stride(from: 0, to: valueBytes / 2, by: 8) {
      let word = Self.mix(&state)
      for byte in 0..<min(8, valueBytes / 2 - index) {
        bytes[index + byte] = UInt8(truncatingIfNeeded: word >> (8 * byte))
      }
    }
    return Self.encode(number) + bytes
  }

  private func key(_ slot: UInt64) -> [UInt8] { Self.encode(slot) }

  private static func encode(_ number: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * $0)) }
  }
  private static func decode(_ bytes: [UInt8]) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }

  /// SplitMix64.
  private static func mix(_ state: inout UInt64) -> UInt64 {
    state = state &+ 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}

/// The database holds something that no number of operations leaves behind.
public struct ModelViolation: Error, CustomStringConvertible {
  public let description: String

  init(_ description: String) { self.description = description }
}
