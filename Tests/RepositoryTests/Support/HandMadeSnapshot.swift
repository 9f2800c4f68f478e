import Foundation
import GoudCore
import Layout
import Repository

/// A snapshot of some files in one directory, as the least that restic takes.
enum HandMadeSnapshot {
  static func tree(_ files: [(name: String, size: Int, content: [ObjectID])]) -> [UInt8] {
    let nodes = files.sorted { $0.name < $1.name }.map { file in
      #"{"name":"\#(file.name)","type":"file","mode":420,"mtime":"2026-01-02T03:04:05Z","atime":"2026-01-02T03:04:05Z","#
        + #""ctime":"2026-01-02T03:04:05Z","uid":0,"gid":0,"size":\#(file.size),"content":["#
        + file.content.map { "\"\($0)\"" }.joined(separator: ",") + "]}"
    }
    return Array((#"{"nodes":["# + nodes.joined(separator: ",") + "]}\n").utf8)
  }

  static func json(tree: ObjectID, path: String = "/data") -> [UInt8] {
    Array(
      #"{"time":"2026-01-02T03:04:05Z","tree":"\#(tree)","paths":["\#(path)"],"hostname":"h","username":"u"}"#.utf8)
  }

  /// Stores files, each cut into pieces, and a snapshot of them.
  @discardableResult
  static func save(
    _ files: [String: [[UInt8]]], in repository: Repository, options: RepositoryWriter.Options = .init()
  ) throws -> ObjectID {
    let writer = RepositoryWriter(repository, index: try repository.loadIndex(), options: options)
    let listed = try files.map { name, pieces in
      (name, pieces.reduce(0) { $0 + $1.count }, try pieces.map { try writer.save($0, as: .data).id })
    }
    let tree = try writer.save(tree(listed), as: .tree)
    try writer.finish()
    return try repository.saveUnpacked(json(tree: tree.id), in: .snapshots)
  }

  /// The blobs that a hand-made tree names.
  static func content(_ tree: [UInt8]) throws -> [ObjectID] {
    struct Tree: Decodable {
      struct Node: Decodable {
        let content: [ObjectID]?
        let subtree: ObjectID?
      }
      let nodes: [Node]
    }
    return try JSONDecoder().decode(Tree.self, from: Data(tree)).nodes.flatMap { $0.content ?? [] }
  }
}
