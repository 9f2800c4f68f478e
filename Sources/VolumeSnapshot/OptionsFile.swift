import RocksDB

/// What RocksDB noted of its options in `OPTIONS-…` (an INI file; RocksDB: `options/options_parser.cc`).
///
/// Table directories (`db_paths`, `cf_paths`) are not in it: RocksDB up to 7.8 does not write them.
public struct OptionsFile: Sendable {
  /// The RocksDB that wrote the database: `7.8.3`.
  public let version: String?
  /// `[DBOptions]`.
  public let database: [String: String]
  /// `[CFOptions "name"]` by column family, under its name as it is shown (`[UInt8].shownAsName`).
  public let families: [String: [String: String]]

  public init(text: String) {
    var sections: [String: [String: String]] = [:]
    var section = ""
    for line in text.split(whereSeparator: \.isNewline) {
      let line = line.drop { $0 == " " || $0 == "\t" }
      if line.hasPrefix("["), let end = line.lastIndex(of: "]") {
        section = String(line[line.index(after: line.startIndex)..<end])
      } else if !line.hasPrefix("#"), let equals = line.firstIndex(of: "=") {
        sections[section, default: [:]][String(line[..<equals])] = String(line[line.index(after: equals)...])
      }
    }
    version = sections["Version"]?["rocksdb_version"]
    database = sections["DBOptions"] ?? [:]
    var families: [String: [String: String]] = [:]
    for (name, values) in sections where name.hasPrefix("CFOptions \"") && name.hasSuffix("\"") {
      families[Self.unescaped(name.dropFirst("CFOptions \"".count).dropLast())] = values
    }
    self.families = families
  }

  /// The write-ahead logs' own directory as the node's process names it; nil: beside the tables.
  public var logDirectory: String? { database["wal_dir"].flatMap { $0.isEmpty ? nil : $0 } }

  /// RocksDB puts a backslash before some characters of a name (`options/options_helper.cc`).
  private static func unescaped(_ text: Substring) -> String {
    var name = ""
    var rest = text[...]
    while let first = rest.popFirst() {
      guard first == "\\", let next = rest.popFirst() else {
        name.append(first)
        continue
      }
      name.append(next == "n" ? "\n" : next == "r" ? "\r" : next)
    }
    return Array(name.utf8).shownAsName
  }
}
