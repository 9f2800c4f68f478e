public import GoudCore

extension Node {
  /// An entry of a volume as a node, under the last part of its path. Holes are zero bytes for a repository: `content`
  /// covers the whole size. Users and groups go by their numbers alone. The times of reading and of change, which an
  /// entry does not have, are that of modification, as restic writes them unless it is told otherwise.
  /// - Parameters:
  ///   - content: of a regular file: its blobs in order, whose lengths come to its size.
  ///   - subtree: of a directory: its tree.
  public init(_ entry: FileEntry, content: [ObjectID] = [], subtree: ObjectID? = nil) {
    let path = entry.path.nameBytes
    let name = path[(path.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0)...]
    switch entry.kind {
    case .directory:
      self.init(name: Array(name), kind: .directory)
      self.subtree = subtree
    case .link(let target):
      self.init(name: Array(name), kind: .link)
      self.target = target.nameBytes
      links = 1
    case .file, .secondName:
      self.init(name: Array(name), kind: .file)
      self.content = content
      links = 1
    }
    if case .file(let size) = entry.kind { self.size = UInt64(max(size, 0)) }
    mode = NodeMode.of(kind, permissions: entry.mode)
    (owner, group) = (entry.owner, entry.group)
    modified = Timestamp(seconds: entry.modified.seconds, nanoseconds: entry.modified.nanoseconds)
    (accessed, changed) = (modified, modified)
    attributes = entry.attributes.map { Attribute(name: $0.key, value: $0.value) }
      .sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
  }

  /// The permission bits of `chmod`: set-id and sticky included.
  public var permissions: UInt32 { NodeMode.permissions(mode) }

  /// More than any file system holds, and little enough to be reckoned with: 2^60.
  static let mostBytes: UInt64 = 1 << 60

  /// The node as an entry of a volume. A file is a `file` also where it is a further name of another: whoever walks the
  /// whole tree knows (`EntryWalk`).
  /// - Parameter path: relative to the volume's root.
  /// - Throws: `repository.unsafe-entry` for what no volume has: devices, pipes and sockets, a link that leads out of
  ///   it, a size beyond 2^60 bytes.
  public func fileEntry(at path: String) throws -> FileEntry {
    var entry = FileEntry(
      path: path, kind: try entryKind(at: path), mode: permissions, owner: owner, group: group,
      modified: (modified.seconds, modified.nanoseconds))
    for attribute in attributes { entry.attributes[attribute.name] = attribute.value ?? [] }
    return entry
  }

  private func entryKind(at path: String) throws -> FileEntry.Kind {
    switch kind {
    case .directory: return .directory
    case .file:
      guard size <= Self.mostBytes else { throw Self.unsafe(path, "declares a size that no file has") }
      return .file(size: Int64(size))
    case .link:
      guard let target = String(validating: target, as: UTF8.self), FileEntry.staysInside(path, target: target),
        !target.utf8.contains(0)
      else { throw Self.unsafe(path, "links out of the volume") }
      return .link(target: target)
    case .device, .characterDevice, .pipe, .socket, .other:
      throw Self.unsafe(path, "is neither file, directory nor link")
    }
  }

  static func unsafe(_ path: String, _ what: String) -> GoudError {
    GoudError(
      .repositoryUnsafe, "\(path) in the repository \(what)", hint: "restore it with restic", context: ["path": path])
  }
}
