import GoudCore
import RocksDB

/// What RocksDB noted of its options in `OPTIONS-…` (an INI file; RocksDB: `options/options_parser.cc`).
///
/// Table directories (`db_paths`, `cf_paths`) are not in it: RocksDB up to 7.8 does not write them.
public struct OptionsFile: Sendable {
  /// The RocksDB that wrote the database: `7.8.3`.
  public let version: String?
  /// `[DBOptions]`.
  public let database: [String: String]
  /// `[CFOptions "name"]` by column family.
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
      families[String(name.dropFirst("CFOptions \"".count).dropLast())] = values
    }
    self.families = families
  }

  /// The write-ahead logs' own directory as the node's process names it; nil: beside the tables.
  public var logDirectory: String? { database["wal_dir"].flatMap { $0.isEmpty ? nil : $0 } }

  /// How each column family orders its keys.
  /// - Throws: `RocksDBError` of kind `notSupported` for a comparator that only the application has.
  func keyOrders() throws -> [String: KeyOrder] {
    try families.compactMapValues { values in
      guard let name = values["comparator"], !name.isEmpty, name != "nullptr" else { return nil }
      guard let order = KeyOrder(comparator: name) else {
        throw RocksDBError(kind: .notSupported, message: "the comparator \(name) belongs to the application")
      }
      return order
    }
  }
}
