import BlobStore
public import Foundation
import GoudCore
public import Repository

/// Reads chains of pieces back.
public struct TailReader: Sendable {
  /// The pieces of a chain as far as they can be relied on.
  public struct Found: Sendable {
    /// By number, from 0 on.
    public var pieces: [TailPiece] = []
    /// Why what comes after them is not used; nil: there is no more.
    public var gap: String?

    /// From when on nothing is known; nil: the commit alone.
    public var moment: Date? { pieces.last?.moment }
  }

  /// What is kept while a store is away becomes one piece.
  private static let limit = 1 << 30
  private let repository: Repository

  public init(_ repository: Repository) { self.repository = repository }

  /// - Parameter moment: pieces that end later are left out.
  /// - Throws: what keeps the store from being read. What is damaged, missing or of another chain is a `gap`.
  public func read(_ chain: TailChain, upTo moment: Date? = nil) throws -> Found {
    let names = try repository.store.list(in: chain.folder, deep: false).map(\.name)
    var found = Found()
    var before: ObjectID?
    for name in names.sorted() {
      guard name == chain.name(UInt64(found.pieces.count)) else {
        found.gap = "\(chain.name(UInt64(found.pieces.count))) is missing"
        break
      }
      let sealed: [UInt8]
      let piece: TailPiece
      do {
        sealed = try repository.store.read(name, limit: Self.limit)
        piece = try TailPiece(repository.openCompressed(sealed, name), name)
      } catch let error as GoudError where error.code == .repositoryDamaged || error.code == .blobNotFound {
        // A watch may have folded it into a commit since it was listed.
        found.gap = error.message
        break
      }
      guard piece.chain == chain, piece.number == UInt64(found.pieces.count), piece.before == before else {
        found.gap = "\(name) belongs to another place"
        break
      }
      if let moment, piece.moment > moment { break }
      before = ObjectID(sha256Of: sealed)
      found.pieces.append(piece)
    }
    return found
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
    try repository.store.delete(names.filter { !$0.hasPrefix("\(chain.folder)/") })
  }
}
