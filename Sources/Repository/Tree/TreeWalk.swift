import GoudCore

/// What a walk comes upon.
public struct TreeEntry: Sendable, Equatable {
  /// Relative to the walk's root, `/` between names; the bytes that the file system has.
  public let path: [UInt8]
  public let node: Node

  /// The path as text; nil when it is not UTF-8.
  public var text: String? { String(validating: path, as: UTF8.self) }
}

/// Goes through a tree: a directory before what it holds, names in the order of their bytes. Of the directories that
/// are open the texts are in memory, and nothing of the others.
///
/// Errors, of `next`: `repository.damaged` when a tree is not there or none, a directory has no tree, a size is not
/// that of the blobs; `repository.unsafe-entry` for names that are none or come twice, paths longer than Linux has
/// (which bounds the depth), and more nodes than the limit.
public struct TreeWalk {
  private struct Level {
    let page: TreePage
    /// With a slash at the end; empty for the root.
    let prefix: [UInt8]
    var next = 0
  }

  private let loader: any BlobLoader
  private let blobLength: ((ObjectID) throws -> Int64?)?
  private var left: Int
  private var levels: [Level] = []
  /// The directory that `next` gave last, not entered yet.
  private var pending: (tree: ObjectID, path: [UInt8])?

  init(_ loader: any BlobLoader, _ root: ObjectID, limit: Int, blobLength: ((ObjectID) throws -> Int64?)?) {
    (self.loader, self.blobLength, left) = (loader, blobLength, limit)
    pending = (root, [])
  }

  /// - Returns: nil when there is nothing more.
  public mutating func next() throws -> TreeEntry? {
    if let (tree, path) = pending {
      pending = nil
      levels.append(
        Level(page: try TreePage(tree, from: loader, at: path), prefix: path.isEmpty ? [] : path + [UInt8(ascii: "/")]))
    }
    while let level = levels.last {
      if level.next == level.page.count {
        levels.removeLast()
        continue
      }
      levels[levels.count - 1].next += 1
      let node = try level.page.node(level.next)
      let entry = TreeEntry(path: level.prefix + node.name, node: node)
      try check(entry)
      if node.kind == .directory, let subtree = node.subtree { pending = (subtree, entry.path) }
      return entry
    }
    return nil
  }

  /// Leaves out what the directory holds that `next` gave last.
  public mutating func skipDirectory() { pending = nil }

  private mutating func check(_ entry: TreeEntry) throws {
    let path = String(decoding: entry.path, as: UTF8.self)
    guard entry.path.count <= TreeName.longestPath else {
      throw Node.unsafe("\(path.prefix(80))…", "lies deeper than Linux has paths for")
    }
    guard left > 0 else { throw Node.unsafe(path, "is one name more than are read") }
    left -= 1
    if let blobLength, entry.node.kind == .file { try check(entry.node, path, blobLength) }
  }

  private func check(_ node: Node, _ path: String, _ blobLength: (ObjectID) throws -> Int64?) throws {
    var rest = Int64(min(node.size, Node.mostBytes))
    for id in node.content ?? [] {
      guard let length = try blobLength(id) else {
        throw GoudError(
          .repositoryDamaged, "the repository does not have blob \(id), which \(path) needs",
          context: ["path": path, "blob": id.hex])
      }
      rest -= min(length, rest + 1)
    }
    guard rest == 0, node.size <= Node.mostBytes else {
      throw GoudError(
        .repositoryDamaged, "\(path) in the repository has \(node.size) bytes, and its blobs have another number",
        context: ["path": path])
    }
  }
}
