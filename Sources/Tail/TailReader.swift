import BlobStore
public import Foundation
import GoudCore
public import Repository
import Synchronization

/// Reads chains of pieces back, a few pieces at a time: memory does not grow with their number.
public struct TailReader: Sendable {
  /// What a watch keeps while a store is away, and what it sees in one tick, becomes one piece.
  private static let limit = 256 << 20
  /// Pieces that are read at once, and how many bytes they may have together; a larger one is read alone.
  private static let width = 4
  private static let budget = 8 << 20
  private let repository: Repository

  public init(_ repository: Repository) { self.repository = repository }

  /// Reads every piece.
  /// - Parameters:
  ///   - moment: pieces that end later are left out.
  ///   - body: sees each piece that can be relied on, in order.
  /// - Throws: what keeps the store from being read. What is damaged, missing or of another chain is a `gap`.
  public func survey(
    _ chain: TailChain, upTo moment: Date? = nil, seeing body: (TailPiece, TailOutline) throws -> Void = { _, _ in }
  ) throws -> TailSurvey {
    let names = try repository.store.list(in: chain.folder, deep: false).sorted { $0.name < $1.name }
    var survey = TailSurvey(chain: chain)
    var before: ObjectID?
    try read(names.map { ($0.name, Int($0.bytes)) }) { name, found in
      let expected = chain.name(UInt64(survey.pieces.count))
      guard name == expected else {
        survey.gap = "\(expected) is missing"
        return false
      }
      let (piece, digest): (TailPiece, ObjectID)
      switch found {
      case .success(let read): (piece, digest) = read
      case .failure(let error):
        // A watch may have folded it into a commit since it was listed.
        survey.gap = error.message
        return false
      }
      guard piece.chain == chain, piece.number == UInt64(survey.pieces.count), piece.before == before else {
        survey.gap = "\(name) belongs to another place"
        return false
      }
      if let moment, piece.moment > moment { return false }
      before = digest
      let outline = TailOutline(piece, digest: digest)
      try body(piece, outline)
      survey.pieces.append(outline)
      return true
    }
    return survey
  }

  /// Reads pieces of a chain again.
  /// - Parameter body: gets each, in order, as it was when the chain was surveyed.
  /// - Throws: `repository.damaged` for one that is not there any more as it was.
  public func read(
    _ pieces: ArraySlice<TailOutline>, of chain: TailChain, _ body: (TailPiece) throws -> Void
  ) throws {
    var rest = pieces
    try read(pieces.map { (chain.name($0.number), Int($0.bytes)) }) { name, found in
      guard let outline = rest.popFirst() else { return false }
      let (piece, digest) = try found.get()
      guard digest == outline.digest else {
        throw GoudError(
          .repositoryDamaged, "\(name) is not what it was a moment ago",
          hint: "run the same command again: a backup may have taken its place")
      }
      try body(piece)
      return true
    }
  }

  /// - Parameters:
  ///   - names: of the pieces, and about how many bytes each has.
  ///   - body: sees them in order, and says whether to go on.
  private func read(
    _ names: [(name: String, bytes: Int)],
    _ body: (_ name: String, _ found: Result<(TailPiece, ObjectID), GoudError>) throws -> Bool
  ) throws {
    var rest = names[...]
    while let first = rest.first {
      var group = [first.name]
      var bytes = first.bytes
      while group.count < min(Self.width, rest.count), case let next = rest[rest.startIndex + group.count],
        bytes + next.bytes <= Self.budget
      {
        group.append(next.name)
        bytes += next.bytes
      }
      rest = rest.dropFirst(group.count)
      for (name, found) in zip(group, try readTogether(group)) {
        guard try body(name, found) else { return }
      }
    }
  }

  private func readTogether(_ names: [String]) throws -> [Result<(TailPiece, ObjectID), GoudError>] {
    if names.count == 1 { return [try load(names[0])] }
    let found = Mutex<[Result<(TailPiece, ObjectID), GoudError>]>([])
    let pipeline = OrderedPipeline(name: "tail", width: names.count, depth: names.count) {
      try load($0)
    } consume: { piece in
      found.withLock { $0.append(piece) }
    }
    do {
      for name in names { try pipeline.submit(name) }
    } catch {
      try? pipeline.finish(abandoning: true)
      throw error
    }
    try pipeline.finish()
    return found.withLock { $0 }
  }

  /// - Returns: a failure for one that is damaged or gone.
  /// - Throws: what keeps the store from being read.
  private func load(_ name: String) throws -> Result<(TailPiece, ObjectID), GoudError> {
    do {
      let sealed = try repository.store.read(name, limit: Self.limit)
      let digest = ObjectID(sha256Of: sealed)
      return .success((try TailPiece(repository.openCompressed(sealed, name, limit: Self.limit), name), digest))
    } catch let error as GoudError where error.code == .repositoryDamaged || error.code == .blobNotFound {
      return .failure(error)
    }
  }

  /// The commits that pieces of the same volume stand on.
  public func commits(of chain: TailChain) throws -> Set<String> {
    let folder = chain.volumeFolder
    return Set(
      try repository.store.list(in: folder, deep: true).compactMap {
        $0.name.dropFirst(folder.utf8.count + 1).split(separator: "/").first.map(String.init)
      })
  }

  /// Deletes the pieces of the volume that stand on other commits than this one.
  public func drop(allBut chain: TailChain) throws {
    let names = try repository.store.list(in: chain.volumeFolder, deep: true).map(\.name)
    try repository.store.deleteTrying(names.filter { !$0.hasPrefix("\(chain.folder)/") })
  }
}
