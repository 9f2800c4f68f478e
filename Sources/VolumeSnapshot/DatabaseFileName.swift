/// What a file in a RocksDB directory is, by its name (RocksDB: `file/filename.cc`).
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
  /// `LOCK`, `LOG`, `LOG.old.…`, `….dbtmp`, the directories `archive` and `lost`: never part of the database's content.
  case bystander
  /// Not RocksDB's.
  case foreign

  public init(_ name: String) {
    switch name {
    case "CURRENT": self = .current
    case "IDENTITY": self = .identity
    case "LOCK", "LOG", "archive", "lost": self = .bystander
    default: self = Self.numbered(name)
    }
  }

  private static func numbered(_ name: String) -> DatabaseFileName {
    if name.hasPrefix("LOG.old.") || name.hasSuffix(".dbtmp") { return .bystander }
    if let number = number(name, prefix: "MANIFEST-") { return .manifest(number) }
    if let number = number(name, prefix: "OPTIONS-") { return .options(number) }
    if let number = number(name, suffix: ".sst") ?? number(name, suffix: ".ldb") { return .table(number) }
    if let number = number(name, suffix: ".blob") { return .blob(number) }
    if let number = number(name, suffix: ".log") { return .log(number) }
    return .foreign
  }

  private static func number(_ name: String, prefix: String = "", suffix: String = "") -> UInt64? {
    guard name.hasPrefix(prefix), name.hasSuffix(suffix), name.count > prefix.count + suffix.count else { return nil }
    let digits = name.dropFirst(prefix.count).dropLast(suffix.count)
    return digits.allSatisfy { $0.isASCII && $0.isNumber } ? UInt64(digits) : nil
  }
}
