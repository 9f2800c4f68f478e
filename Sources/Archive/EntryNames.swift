import GoudCore

/// The names that an archive has used so far: none twice, nothing below what is not a directory, and not more than a
/// reader can remember.
struct EntryNames {
  enum Verdict { case added, twice, belowFile, tooMany }

  static let longestComponent = 255
  static let longestPath = 4095
  /// The names of one archive, each with 64 bytes on top. Writers keep below it, so that readers may refuse what is
  /// above: 400,000 files with names of 100 bytes.
  static let limit = 64 << 20

  private let limit: Int
  private var used = 0
  /// Path → whether it is a directory. By bytes: names that are equal as text are different files.
  private var seen: [[UInt8]: Bool] = [:]

  init(limit: Int = Self.limit) { self.limit = limit }

  /// What a name takes of `limit`.
  static func cost(_ path: String) -> Int { path.utf8.count + overhead }
  private static let overhead = 64

  /// More than a list with a line for each name so far can have.
  var checksumsLimit: Int64 { 4096 + 2 * Int64(used) }

  /// - Parameter path: relative to the archive's directory. A directory may come again.
  mutating func add(_ path: String, isDirectory: Bool) -> Verdict {
    let key = path.nameBytes
    if let earlier = seen[key] { return earlier && isDirectory ? .added : .twice }
    guard remember(key[...], isDirectory) else { return .tooMany }
    // What a name lies below is a directory, whether or not it has an entry of its own.
    var rest = key[...]
    while let slash = rest.lastIndex(of: UInt8(ascii: "/")) {
      rest = rest[..<slash]
      if let known = seen[Array(rest)] { return known ? .added : .belowFile }
      guard remember(rest, true) else { return .tooMany }
    }
    return .added
  }

  private mutating func remember(_ key: ArraySlice<UInt8>, _ isDirectory: Bool) -> Bool {
    used += key.count + Self.overhead
    guard used <= limit else { return false }
    seen[Array(key)] = isDirectory
    return true
  }

  /// The steps of an entry's name; nil unless it is plain and relative. `./` in front and one `/` behind are what tar
  /// writes; anything else unusual is refused.
  static func components(of path: String) -> [String]? {
    guard !path.isEmpty, path.utf8.count <= longestPath, !path.isAbsolutePath else { return nil }
    var parts = path.pathComponents(keepingEmpty: true)
    if parts.first == "." { parts.removeFirst() }
    if parts.last == "" { parts.removeLast() }
    return parts.allSatisfy(isPlain) ? parts : nil
  }

  /// Whether a name is one step down and nothing else.
  static func isPlain(_ name: String) -> Bool {
    let bytes = name.utf8
    return !bytes.isEmpty && bytes.count <= longestComponent && name != "." && name != ".." && !name.containsSlash
      && !bytes.contains(0)
  }

  /// What stands before `ending`; nil when it is no plain name.
  static func stem(of name: String, _ ending: String) -> String? {
    guard name.utf8.count > ending.utf8.count, name.utf8.suffix(ending.utf8.count).elementsEqual(ending.utf8) else {
      return nil
    }
    let stem = String(Substring(name.utf8.dropLast(ending.utf8.count)))
    return isPlain(stem) ? stem : nil
  }
}
