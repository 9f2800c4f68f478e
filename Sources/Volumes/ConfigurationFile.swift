import Foundation
import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// An `.env` file: `KEY=value` lines, `#` comments on a line of their own or after a blank, values in single or double
/// quotes, an optional `export`. The last of several equal keys counts, as in a shell.
///
/// Stricter than swift-configuration's own reader, which skips what it does not understand and would take the guide's
/// `BACKUP_COMPRESSION=gzip  # or pigz for parallel` whole. Nothing is expanded; a `$` outside single quotes is refused
/// in a value of Goud's, and another program's value that has one is left as it stands.
struct ConfigurationFile {
  /// As shown to the user: `config/base/constants.env`.
  let name: String
  let values: [String: String]

  /// - Returns: nil when there is no such file.
  /// - Throws: `config.invalid-value`, naming the line.
  init?(path: String, name: String) throws {
    guard try FileSystem.status(path) != nil else { return nil }
    // A pipe is not waited for.
    let file = try Descriptor.open(path, O_RDONLY | O_NONBLOCK)
    guard try file.status().isRegular else {
      throw GoudError(.configInvalid, "\(name) is not a file", context: ["origin": name])
    }
    let bytes = try file.readAll(limit: 1 << 20)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw GoudError(.configInvalid, "\(name) is not UTF-8 text", context: ["origin": name])
    }
    try self.init(text: text, name: name)
  }

  init(text: String, name: String) throws {
    var values: [String: String] = [:]
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      guard let (key, value) = try Self.parse(line, at: "\(name):\(index + 1)") else { continue }
      values[key] = value
    }
    self.name = name
    self.values = values
  }

  /// Whether they are another program's, by what is in them: lines, of which none sets a key of Goud's.
  /// - Parameter paths: those that cannot be read say nothing.
  static func areForeign(_ paths: [String]) -> Bool {
    var isEmpty = true
    for path in paths {
      guard let file = try? Descriptor.open(path, O_RDONLY | O_NONBLOCK), (try? file.status())?.isRegular == true,
        let bytes = try? file.readAll(limit: 1 << 20)
      else { continue }
      for line in String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline) {
        guard let line = content(line) else { continue }
        isEmpty = false
        if isGouds(line.prefix { $0 != "=" }) && line.contains("=") { return false }
      }
    }
    return !isEmpty
  }

  private static func isGouds(_ key: Substring) -> Bool {
    ConfigurationKey(rawValue: String(key)) != nil || key.hasPrefix("GOUD_")
  }

  /// What a line says; nil when it is blank or a comment.
  private static func content(_ line: Substring) -> String? {
    let line = line.trimmingCharacters(in: .whitespaces.union(["\r"]))
    if line.isEmpty || line.hasPrefix("#") { return nil }
    return line.hasPrefix("export ") ? String(line.dropFirst(7)) : line
  }

  private static func parse(_ line: Substring, at place: String) throws -> (String, String)? {
    guard let line = content(line) else { return nil }
    guard let equals = line.firstIndex(of: "="), equals > line.startIndex else {
      throw fault(place, "is not KEY=value")
    }
    let key = line[..<equals]
    guard key.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }) else {
      throw fault(place, "has no proper key before its '='")
    }
    let value = try value(String(line[line.index(after: equals)...]), at: place)
    guard !value.expands || !isGouds(key) else { throw fault(place, "has a '$', and nothing is expanded here") }
    return (String(key), value.text)
  }

  /// - Returns: the value, and whether a shell would expand something in it.
  private static func value(_ text: String, at place: String) throws -> (text: String, expands: Bool) {
    guard let quote = text.first, quote == "'" || quote == "\"" else {
      let plain = withoutComment(text)
      return (plain, plain.contains("$"))
    }
    guard let end = text.dropFirst().firstIndex(of: quote) else { throw fault(place, "has no closing quote") }
    let rest = text[text.index(after: end)...].trimmingCharacters(in: .whitespaces)
    guard rest.isEmpty || rest.hasPrefix("#") else { throw fault(place, "goes on after its closing quote") }
    let inner = String(text[text.index(after: text.startIndex)..<end])
    return (inner, quote != "'" && inner.contains("$"))
  }

  private static func withoutComment(_ text: String) -> String {
    var before: Character = " "
    for index in text.indices {
      if text[index] == "#" && before.isWhitespace { return text[..<index].trimmingCharacters(in: .whitespaces) }
      before = text[index]
    }
    return text.trimmingCharacters(in: .whitespaces)
  }

  private static func fault(_ place: String, _ what: String) -> GoudError {
    GoudError(
      .configInvalid, "\(place) \(what)",
      hint: "write KEY=value; put a value with a '$' or ' #' in single quotes; or name another directory: "
        + "GOUD_CONFIG_DIR",
      context: ["origin": place])
  }
}
