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

  var isLog: Bool { if case .log = self { true } else { false } }

  var isManifest: Bool { if case .manifest = self { true } else { false } }

  private static func numbered(_ name: String) -> DatabaseFileName? {
    if let number = number(name, prefix: "MANIFEST-") { return .manifest(number) }
    if let number = number(name, prefix: "OPTIONS-") { return .options(number) }
    if let number = number(name, suffix: ".sst") ?? number(name, suffix: ".ldb") { return .table(number) }
    if let number = number(name, suffix: ".blob") { return .blob(number) }
    if let number = number(name, suffix: ".log") { return .log(number) }
    return nil
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
    guard name.hasPrefix(prefix), name.hasSuffix(suffix), name.count > prefix.count + suffix.count else { return nil }
    let digits = name.dropFirst(prefix.count).dropLast(suffix.count)
    return digits.allSatisfy { $0.isASCII && $0.isNumber } ? UInt64(digits) : nil
  }
}
