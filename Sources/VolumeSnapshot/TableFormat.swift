import GoudCore
import RocksDB

#if canImport(Glibc)
  import Glibc
#endif

/// What the last bytes of a table say about its format (RocksDB: `table/format.cc`): for saying *why* a table cannot
/// be read, and how to open it, never for reading it.
enum TableFormat: Equatable, CustomStringConvertible {
  /// Block-based, with its `format_version`; 0 for LevelDB's.
  case blockBased(UInt32)
  case plain
  case cuckoo
  case unknown

  init(of table: Descriptor) throws {
    try self.init(of: table, size: Int64(try table.status().st_size))
  }

  init(of table: any ByteSource, size: Int64) throws {
    var footer = [UInt8](repeating: 0, count: 12)
    guard size >= 12, try footer.withUnsafeMutableBytes({ try table.read(into: $0, at: size - 12) }) == 12 else {
      self = .unknown
      return
    }
    let version = footer[..<4].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    switch footer[4...].reversed().reduce(UInt64(0), { $0 << 8 | UInt64($1) }) {
    case 0x88e2_41b7_85f4_cff7: self = .blockBased(version)
    case 0xdb47_7524_8b80_fb57: self = .blockBased(0)
    case 0x8242_2296_63bf_9564, 0x4f34_18eb_7a8f_13b8: self = .plain
    case 0x926789d0_c5f17873: self = .cuckoo
    default: self = .unknown
    }
  }

  /// Whether the linked library can read it; also true for what is no table at all, which is damage.
  var isReadable: Bool {
    if case .blockBased(let version) = self { version <= RocksDBLibrary.newestTableFormat } else { true }
  }

  var description: String {
    switch self {
    case .blockBased(let version): "table format \(version)"
    case .plain: "plain tables"
    case .cuckoo: "cuckoo tables"
    case .unknown: "an unknown table format"
    }
  }
}
