/// Numbers and strings of bytes, one behind the other: for what a run puts aside for itself, never for another.
public struct RecordWriter {
  public private(set) var bytes: [UInt8] = []

  public init() {}

  public mutating func put(_ number: some FixedWidthInteger) {
    withUnsafeBytes(of: Int64(truncatingIfNeeded: number).littleEndian) { bytes.append(contentsOf: $0) }
  }

  public mutating func put(_ string: [UInt8]) {
    put(string.count)
    bytes.append(contentsOf: string)
  }

  public mutating func put(_ text: String) { put(Array(text.utf8)) }
}

/// Reads what a `RecordWriter` of this run wrote.
public struct RecordReader {
  private let bytes: [UInt8]
  private var position: Int

  /// - Parameter position: where the first to be read begins.
  public init(_ bytes: [UInt8], at position: Int = 0) { (self.bytes, self.position) = (bytes, position) }

  public mutating func number<Number: FixedWidthInteger>(_: Number.Type) -> Number {
    defer { position += 8 }
    return Number(
      truncatingIfNeeded: bytes.withUnsafeBytes {
        Int64(littleEndian: $0.loadUnaligned(fromByteOffset: position, as: Int64.self))
      })
  }

  public mutating func string() -> [UInt8] {
    let count = number(Int.self)
    defer { position += count }
    return Array(bytes[position..<position + count])
  }

  public mutating func text() -> String { String(decoding: string(), as: UTF8.self) }
}

extension FileEntry {
  public func write(to record: inout RecordWriter) {
    record.put(path)
    switch kind {
    case .directory: record.put(0)
    case .file(let size):
      record.put(1)
      record.put(size)
    case .link(let target):
      record.put(2)
      record.put(target)
    case .secondName(let first):
      record.put(3)
      record.put(first)
    }
    for number in [Int64(mode), Int64(owner), Int64(group), modified.seconds, Int64(modified.nanoseconds)] {
      record.put(number)
    }
    record.put(attributes.count)
    for (name, value) in attributes {
      record.put(name)
      record.put(value)
    }
    record.put(extents.map(\.count) ?? -1)
    for extent in extents ?? [] {
      record.put(extent.lowerBound)
      record.put(extent.upperBound)
    }
  }

  public init(from record: inout RecordReader) {
    let path = record.text()
    let kind: Kind =
      switch record.number(Int.self) {
      case 0: .directory
      case 1: .file(size: record.number(Int64.self))
      case 2: .link(target: record.text())
      default: .secondName(of: record.text())
      }
    self.init(
      path: path, kind: kind, mode: record.number(UInt32.self), owner: record.number(UInt32.self),
      group: record.number(UInt32.self), modified: (record.number(Int64.self), record.number(Int32.self)))
    for _ in 0..<record.number(Int.self) {
      let name = record.text()
      attributes[name] = record.string()
    }
    let count = record.number(Int.self)
    if count >= 0 {
      extents = (0..<count).map { _ in
        let start = record.number(Int64.self)
        return start..<record.number(Int64.self)
      }
    }
  }
}
