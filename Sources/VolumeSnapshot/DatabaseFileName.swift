/// What a file in a RocksDB directory is, by its name (RocksDB: `file/filename.cc`). What is no file is RocksDB's under no
/// name.
public enum DatabaseFileName: Sendable, Hashable {
  /// `000012.sst`, and `.ldb` of LevelDB's time.
  case table(UInt64)
  case blob(UInt64)
  /// `000013.log`: a write-ahead log.
  case log(UInt64)
  case manifest(UInt64)
  case options(UInt64)
  case current
  case identity
  /// RocksDB's, and never part of a database's content: `LOCK`, `LOG`, `LOG.old.1700000000000000`, `000012.dbtmp`, and
  /// `000012.sst.trash`, which is deleted bit by bit.
  case bystander
  /// Not RocksDB's.
  case foreign

  public init(_ name: String) {
    switch name {
    case "CURRENT": self = .current
    case "IDENTITY": self = .identity
    case "LOCK", "LOG": self = .bystander
    default: self = Self.numbered(name) ?? (Self.isPassing(name) ? .bystander : .foreign)
    }
  }

  /// Whether it is a table or a blob file: what never changes once it is written.
  var isTableOrBlob: Bool {
    switch self {
    case .table, .blob: true
    default: false
    }
  }

  var isTable: Bool { if case .table = self { true } else { false } }

  var isLog: Bool { if case .log = self { true } else { false } }

  var isManifest: Bool { if case .manifest = self { true } else { false } }

  private static func numbered(_ name: String) -> DatabaseFileName? {
    // Most are tables, by thousands: one look at the end decides.
    guard let dot = name.utf8.lastIndex(of: UInt8(ascii: ".")) else {
      if let number = number(name, prefix: "MANIFEST-") { return .manifest(number) }
      return number(name, prefix: "OPTIONS-").map { .options($0) }
    }
    guard let number = number(name.utf8[..<dot]) else { return nil }
    switch name.utf8[dot...].count {
    case 4 where name.hasSuffix(".sst") || name.hasSuffix(".ldb"): return .table(number)
    case 4 where name.hasSuffix(".log"): return .log(number)
    case 5 where name.hasSuffix(".blob"): return .blob(number)
    default: return nil
    }
  }

  /// Older diaries, files that are being written, and files that are being deleted.
  private static func isPassing(_ name: String) -> Bool {
    if number(name, prefix: "LOG.old.") != nil { return true }
    if number(name, suffix: ".dbtmp") != nil || number(name, prefix: "OPTIONS-", suffix: ".dbtmp") != nil {
      return true
    }
    guard name.hasSuffix(".trash") else { return false }
    // A second file of the name gets a number behind it: `000012.sst0.trash`.
    let trashed = String(name.dropLast(".trash".count))
    let unnumbered = String(trashed.reversed().drop { $0.isASCII && $0.isNumber }.reversed())
    return numbered(trashed) != nil || numbered(unnumbered) != nil
  }

  private static func number(_ name: String, prefix: String = "", suffix: String = "") -> UInt64? {
    guard name.hasPrefix(prefix), name.hasSuffix(suffix), name.utf8.count > prefix.utf8.count + suffix.utf8.count else {
      return nil
    }
    return number(name.utf8.dropFirst(prefix.utf8.count).dropLast(suffix.utf8.count))
  }

  /// - Returns: nil for anything but digits, and for a number that is too large.
  private static func number(_ digits: Substring.UTF8View) -> UInt64? {
    guard !digits.isEmpty else { return nil }
    var number: UInt64 = 0
    for digit in digits {
      guard digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "9") else { return nil }
      let (tens, isTooLarge) = number.multipliedReportingOverflow(by: 10)
      let (sum, isBeyond) = tens.addingReportingOverflow(UInt64(digit - UInt8(ascii: "0")))
      guard !isTooLarge, !isBeyond else { return nil }
      number = sum
    }
    return number
  }
}
