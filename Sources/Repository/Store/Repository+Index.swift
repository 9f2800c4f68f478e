import BlobStore
import Foundation
import GoudCore
import Layout

extension Repository {
  /// Everything that the indexes say.
  /// - Throws: `repository.damaged`, with the first index that cannot be read.
  public func loadIndex() throws -> RepositoryIndex {
    try loadIndex { throw $1 }
  }

  /// The same, over what is broken.
  /// - Parameter problem: is told each index that cannot be read; on one thread at a time.
  func loadIndex(problem: @escaping @Sendable (ObjectID, GoudError) throws -> Void) throws -> RepositoryIndex {
    try loadIndex(list(.index).map(\.id), onto: RepositoryIndex(), problem: problem)
  }

  /// - Parameters:
  ///   - ids: the indexes to read.
  ///   - index: what others say.
  func loadIndex(
    _ ids: [ObjectID], onto index: consuming RepositoryIndex,
    problem: @escaping @Sendable (ObjectID, GoudError) throws -> Void = { throw $1 }
  ) throws -> RepositoryIndex {
    let result = IndexUnderWay(index)
    let pipeline = OrderedPipeline<ObjectID, (ObjectID, Result<IndexFile, GoudError>)>(
      name: "index", width: 2, depth: 4,
      transform: { id in
        do {
          return (id, .success(try self.indexFile(id)))
        } catch let error as GoudError where [.repositoryDamaged, .repositoryNotFound].contains(error.code) {
          return (id, .failure(error))
        }
      },
      consume: { id, file in
        switch file {
        case .success(let file): for pack in file.packs { result.index.add(pack: pack.id, pack.entries) }
        case .failure(let error): try problem(id, error)
        }
      })
    do {
      for id in ids { try pipeline.submit(id) }
    } catch {
      try pipeline.finish(abandoning: true)
      throw error
    }
    try pipeline.finish()
    return result.index
  }

  func indexFile(_ id: ObjectID) throws -> IndexFile {
    let json = try loadUnpacked(id, in: .index)
    do {
      return try IndexFile(json: json)
    } catch let error as DecodingError {
      throw GoudError(.repositoryDamaged, "index/\(id) of \(store.location) is no index", cause: error)
    }
  }

  /// Writes what `packs` hold as indexes of a size that restic writes too.
  /// - Returns: their names.
  func saveIndexes(_ packs: [(id: ObjectID, entries: [PackEntry])]) throws -> [ObjectID] {
    var saved: [ObjectID] = []
    var file = IndexFile()
    var count = 0
    func flush() throws {
      guard !file.packs.isEmpty else { return }
      saved.append(try saveUnpacked(try file.json, in: .index))
      (file, count) = (IndexFile(), 0)
    }
    for pack in packs {
      file.packs.append(pack)
      count += pack.entries.count
      if count >= IndexFile.blobLimit { try flush() }
    }
    try flush()
    return saved
  }
}

/// Only the pipeline's one consumer touches it until it has ended.
private final class IndexUnderWay: @unchecked Sendable {
  var index: RepositoryIndex

  init(_ index: consuming RepositoryIndex) { self.index = index }
}
