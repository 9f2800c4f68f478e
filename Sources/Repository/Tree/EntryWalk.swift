public import GoudCore

/// Goes through a tree as the entries of a volume: a directory before what it holds, names in the order of their bytes,
/// a file before its second names.
///
/// Memory: as `TreeWalk`, and the path and blobs of each file that says it has several names.
public struct EntryWalk {
  /// An entry, with the blobs of a regular file in order; none for anything else, second names among them.
  public typealias Element = (entry: FileEntry, content: [ObjectID])

  private struct FileNumber: Hashable {
    let device: UInt64
    let inode: UInt64
  }

  private var walk: TreeWalk
  private var files: [FileNumber: (path: String, size: UInt64, content: [ObjectID])] = [:]

  init(_ walk: TreeWalk) { self.walk = walk }

  /// - Returns: nil when there is nothing more.
  /// - Throws: as `TreeWalk.next` and `Node.fileEntry`; `repository.unsafe-entry` also for a name that is not UTF-8.
  public mutating func next() throws -> Element? {
    guard let found = try walk.next() else { return nil }
    guard let path = found.text else {
      throw Node.unsafe(String(decoding: found.path, as: UTF8.self), "has a name that is not UTF-8")
    }
    var entry = try found.node.fileEntry(at: path)
    guard found.node.kind == .file else { return (entry, []) }
    let content = found.node.content ?? []
    if let first = first(of: found.node, path, content) {
      entry.kind = .secondName(of: first)
      return (entry, [])
    }
    return (entry, content)
  }

  /// The path of the file whose further name this is. Names of one number that do not have the same bytes are files of
  /// their own: numbers are used again, bytes tell.
  private mutating func first(of node: Node, _ path: String, _ content: [ObjectID]) -> String? {
    guard node.links > 1, node.inode != 0 else { return nil }
    let number = FileNumber(device: node.deviceID, inode: node.inode)
    guard let known = files[number] else {
      files[number] = (path, node.size, content)
      return nil
    }
    return known.size == node.size && known.content == content ? known.path : nil
  }
}
