import GoudCore

/// Reads the trees of a repository, whoever wrote them: names are checked, and come in the order of their bytes.
public struct TreeReader: Sendable {
  private let loader: any BlobLoader

  public init(_ loader: any BlobLoader) { self.loader = loader }

  /// One directory, its nodes sorted.
  /// - Throws: `repository.damaged` when the blob is not there or no tree; `repository.unsafe-entry` for a name that is
  ///   none or comes twice.
  public func tree(_ id: ObjectID) throws -> Tree {
    let page = try TreePage(id, from: loader, at: [])
    return Tree(nodes: try (0..<page.count).map(page.node))
  }

  /// - Parameter path: relative to the root, `/` between names.
  /// - Returns: nil when nothing has that path, or it is empty.
  /// - Throws: as `tree`.
  public func node(at path: String, below root: ObjectID) throws -> Node? {
    var found: Node?
    var directory: ObjectID? = root
    for name in path.pathComponents() {
      guard let id = directory else { return nil }
      let page = try TreePage(id, from: loader, at: [])
      guard let node = try page.node(named: name.nameBytes) else { return nil }
      (found, directory) = (node, node.kind == .directory ? node.subtree : nil)
    }
    return found
  }

  /// Everything below a tree, a directory before what it holds.
  /// - Parameters:
  ///   - blobLength: the length of a data blob, nil when the repository does not have it; then every file's size must
  ///     be the sum of its blobs'. nil: sizes are taken as they are.
  ///   - limit: nodes at most, so that a small repository cannot name without end.
  public func walk(
    _ root: ObjectID, limit: Int = 1 << 24, blobLength: ((ObjectID) throws -> Int64?)? = nil
  ) -> TreeWalk {
    TreeWalk(loader, root, limit: limit, blobLength: blobLength)
  }

  /// The same as entries of a volume whose root the tree is.
  public func entries(
    _ root: ObjectID, limit: Int = 1 << 24, blobLength: ((ObjectID) throws -> Int64?)? = nil
  ) -> EntryWalk {
    EntryWalk(walk(root, limit: limit, blobLength: blobLength))
  }
}
