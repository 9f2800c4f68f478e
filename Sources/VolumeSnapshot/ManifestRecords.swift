import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// The records of a `MANIFEST`: the same form as a log's (RocksDB: `db/log_format.h`): blocks of 32 KiB with pieces of
/// checksum, length, type and bytes.
///
/// Whether the checksums are right is for RocksDB to say, which opens the same file.
enum ManifestRecords {
  private static let blockSize = 32 << 10
  private static let header = 7

  private enum Piece: UInt8 {
    case whole = 1
    case first, middle, last
  }

  /// Calls `body` with every record, until one piece makes no sense. Memory: a block and the largest record.
  static func read(_ file: Descriptor, _ body: ([UInt8]) throws -> Void) throws {
    var place = Place()
    try read(file, from: &place, body)
  }

  /// How far a `MANIFEST` that grows was read.
  struct Place {
    /// The beginning of the block in which the next record begins.
    fileprivate var block: Int64 = 0
    /// Where the last whole record ends.
    fileprivate(set) var end: Int64 = 0
  }

  /// The records behind `place`, which is moved behind the last whole one.
  /// - Parameter limit: where to end; nil: at the file's end.
  static func read(
    _ file: Descriptor, from place: inout Place, upTo limit: Int64? = nil, _ body: ([UInt8]) throws -> Void
  ) throws {
    let size = min(Int64(try file.status().st_size), limit ?? .max)
    var block = [UInt8](repeating: 0, count: blockSize)
    var record: [UInt8] = []
    let known = place.end
    for start in stride(from: place.block, to: size, by: blockSize) {
      let want = Int(min(size - start, Int64(blockSize)))
      let got = try block.withUnsafeMutableBytes { try file.read(into: .init(rebasing: $0[..<want]), at: start) }
      var offset = 0
      while offset + header <= got {
        let length = Int(block[offset + 4]) | Int(block[offset + 5]) << 8
        let next = offset + header + length
        guard let type = Piece(rawValue: block[offset + 6]), next <= got else { return }
        if type == .whole || type == .first { record = [] }
        record += block[(offset + header)..<next]
        offset = next
        guard type == .whole || type == .last, start + Int64(next) > known else { continue }
        try body(record)
        place = Place(block: start, end: start + Int64(next))
      }
    }
  }

  /// Writes records in that form to the end of a file.
  struct Writer {
    let file: Descriptor
    private var block: [UInt8] = []

    init(_ file: Descriptor) { self.file = file }

    mutating func append(_ record: [UInt8]) throws {
      var rest = record[...]
      var begun = false
      repeat {
        var room = blockSize - block.count - header
        if room < 0 {
          block += [UInt8](repeating: 0, count: blockSize - block.count)
          try flush()
          room = blockSize - header
        }
        let piece = rest.prefix(room)
        rest = rest.dropFirst(piece.count)
        add(piece, rest.isEmpty ? (begun ? .last : .whole) : (begun ? .middle : .first))
        begun = true
        if block.count == blockSize { try flush() }
      } while !rest.isEmpty
    }

    /// To be called once, at the end.
    mutating func flush() throws {
      try file.write(block)
      block = []
    }

    private mutating func add(_ piece: ArraySlice<UInt8>, _ type: Piece) {
      let typed = [type.rawValue] + piece
      let masked = Checksum(of: typed).masked
      for shift in stride(from: 0, to: 32, by: 8) { block.append(UInt8(truncatingIfNeeded: masked >> UInt32(shift))) }
      block += [UInt8(piece.count & 0xff), UInt8(piece.count >> 8)] + typed
    }
  }
}
