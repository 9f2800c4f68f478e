import GoudCore

/// The names that an archive has used so far: none twice, nothing below what is not a directory, and not more than a
/// reader can remember. About 36 bytes for each, however long: names are remembered by a hash that is another in every
/// process, so that nobody can make two of them look alike.
struct EntryNames {
  enum Verdict { case added, twice, belowFile, tooMany }

  static let longestComponent = 255
  static let longestPath = 4095
  /// Names in one archive. Writers keep below it, so that readers may refuse what is above.
  static let limit = 1 << 20

  /// What a name stands for.
  enum Kind: Equatable {
    case directory
    /// A link.
    case other
    /// A further name of a file, by that one's number.
    case secondName(Int)
    /// A regular file, the how manieth.
    case file(Int)
  }

  private let limit: Int
  /// Of all names, as the lines of a list have them.
  private var written: Int64 = 0
  /// Number of the file, or one of the marks, by the name's hash. By bytes: names that are equal as text are different
  /// files.
  private var seen: [Int: UInt32] = [:]
  private static let directoryMark = UInt32.max
  private static let otherMark = UInt32.max - 1
  /// Regular files so far.
  private(set) var files = 0

  init(limit: Int = Self.limit) { self.limit = limit }

  /// More than a list with a line for each name so far can have.
  var checksumsLimit: Int64 { 4096 + written }

  /// What has this name so far, a second name being the file itself; nil: nothing.
  func kind(of path: String) -> Kind? {
    switch seen[Self.key(path.utf8)] {
    case nil: nil
    case Self.directoryMark: .directory
    case Self.otherMark: .other
    case let number?: .file(Int(number))
    }
  }

  mutating func add(_ path: String, isDirectory: Bool) -> Verdict { add(path, isDirectory ? .directory : .file(files)) }

  /// - Parameter path: relative to the archive's directory. A directory may come again.
  mutating func add(_ path: String, _ kind: Kind) -> Verdict {
    let mark: UInt32 =
      switch kind {
      case .directory: Self.directoryMark
      case .other: Self.otherMark
      case .secondName(let number): UInt32(number)
      case .file: UInt32(files)
      }
    let bytes = path.utf8
    if let earlier = seen[Self.key(bytes)] {
      return earlier == Self.directoryMark && mark == Self.directoryMark ? .added : .twice
    }
    guard remember(bytes[...], mark) else { return .tooMany }
    if case .file = kind { files += 1 }
    // What a name lies below is a directory, whether or not it has an entry of its own.
    var rest = bytes[...]
    while let slash = rest.lastIndex(of: UInt8(ascii: "/")) {
      rest = rest[..<slash]
      if let known = seen[Self.key(rest)] { return known == Self.directoryMark ? .added : .belowFile }
      guard remember(rest, Self.directoryMark) else { return .tooMany }
    }
    return .added
  }

  private mutating func remember(_ name: Substring.UTF8View, _ mark: UInt32) -> Bool {
    written += 2 * Int64(name.count) + 96
    guard seen.count < limit else { return false }
    seen[Self.key(name)] = mark
    return true
  }

  private static func key(_ name: some Collection<UInt8>) -> Int {
    var hasher = Hasher()
    let whole: Void? = name.withContiguousStorageIfAvailable { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    if whole == nil { Array(name).withUnsafeBytes { hasher.combine(bytes: $0) } }
    return hasher.finalize()
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
