public import Repository

extension Repository {
  /// Walks everything that the backups in it name, whoever made them. Trees that several share are walked once.
  /// - Throws: as `snapshots` and `TreeWalk.next`.
  public func reach() throws -> BlobMarking {
    let roots = try snapshots().map(\.snapshot.tree)
    return { loader, mark in
      let reader = TreeReader(loader)
      var seen: Set<ObjectID> = []
      var waiting = roots
      while let tree = waiting.popLast() {
        guard seen.insert(tree).inserted else { continue }
        try mark(tree, .tree)
        for node in try reader.tree(tree).nodes {
          for blob in node.content ?? [] { try mark(blob, .data) }
          if let subtree = node.subtree { waiting.append(subtree) }
        }
      }
    }
  }
}
