#if canImport(Glibc)
  import Glibc
#endif

extension UntrustedDirectory {
  /// One name in a directory.
  public struct Entry: Sendable {
    let raw: EntryName
    /// As it was listed; nil where only a look tells. It may be something else by the time it is opened.
    public let kind: FileKind?

    /// For messages: a byte that is not UTF-8 reads `\xe9`.
    public var name: String { raw.description }
    /// The name, when text can carry it: paths and archives are UTF-8. nil: nothing but `directory(_:)` opens it.
    public var text: String? { raw.text }
  }

  /// What the directory holds now, sorted by the bytes of the names, without `.` and `..`.
  ///
  /// A name that is not UTF-8 is no error: it is somebody else's, and is to be said (`Entry.name`).
  public func entries() throws -> [Entry] {
    var result: [Entry] = []
    try visit { result.append($0) }
    return result.sorted { $0.raw < $1.raw }
  }

  /// Calls `body` with each entry in the order of the file system, keeping none of them.
  public func visit(_ body: (Entry) throws -> Void) throws {
    // A descriptor of its own, so that no two listings share a position.
    let copy = openat(descriptor.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard copy >= 0 else {
      // Removed since it was opened.
      if errno == ENOENT { return }
      throw GoudError.system("list", path)
    }
    guard let stream = fdopendir(copy) else {
      defer { close(copy) }
      throw GoudError.system("list", path)
    }
    defer { closedir(stream) }
    while true {
      errno = 0
      guard let entry = readdir(stream) else {
        if errno != 0 && errno != ENOENT { throw GoudError.system("list", path) }
        return
      }
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { EntryName($0) }
      }
      if name.isDots { continue }
      try body(Entry(raw: name, kind: FileKind(entry.pointee.d_type)))
    }
  }

  /// A directory that an entry of this one names, also when the name is not UTF-8.
  /// - Returns: nil when it is gone, or is no directory any more.
  public func directory(_ entry: Entry) throws -> UntrustedDirectory? { try child(entry.raw, .absent) }

  /// The names that are UTF-8, in the order of `entries`.
  public func names() throws -> [String] { try entries().compactMap(\.text) }
}
