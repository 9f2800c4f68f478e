import BlobStore
public import Foundation
import GoudCore
public import Repository

/// Puts the pieces of one chain, one behind the other. A name that is taken is another writer's: of two that follow the
/// same volume, one goes on.
public struct TailWriter: Sendable {
  private let repository: Repository
  public let chain: TailChain
  /// Of the next piece.
  public private(set) var number: UInt64 = 0
  private var before: ObjectID?
  /// A piece of which is not known whether it was stored: it is put again before any other, byte for byte.
  private var unsettled: [UInt8]?
  /// What comes behind it.
  private var waiting: [TailPiece.Part] = []

  /// Begins a chain; its commit is new.
  public init(_ repository: Repository, _ chain: TailChain) {
    (self.repository, self.chain) = (repository, chain)
  }

  /// When it returns, the parts and all that were put before are durable. When it throws, they are kept, and the next call
  /// puts them first.
  /// - Parameters:
  ///   - parts: empty: only what was kept.
  ///   - newest: the sequence numbers that these and what was kept reach.
  ///   - moment: up to which these and what was kept tell all.
  /// - Returns: the bytes that were stored.
  /// - Throws: `repository.forked` when another follows the same volume.
  public mutating func put(
    _ parts: [TailPiece.Part], newest: [String: UInt64], moment: Date
  ) throws -> Int {
    waiting += parts
    let settled = try settle()
    guard !waiting.isEmpty else { return settled }
    let piece = TailPiece(
      chain: chain, number: number, moment: moment, newest: newest, parts: waiting, before: before)
    unsettled = try repository.sealCompressed(piece.encoded())
    waiting = []
    return try settled + settle()
  }

  /// Whether there may be anything of it in the store.
  public var hasPut: Bool { number > 0 || unsettled != nil }

  /// Deletes what was put, once nobody needs it any more; nothing may be put after it.
  public func drop() throws {
    try repository.store.deleteTrying((0..<number + (unsettled == nil ? 0 : 1)).map(chain.name))
  }

  private mutating func settle() throws -> Int {
    guard let sealed = unsettled else { return 0 }
    let name = chain.name(number)
    do {
      try Repository.put(sealed, as: name, in: repository.store)
    } catch let error as GoudError where error.code == .blobExists {
      throw forked(name, error)
    }
    before = ObjectID(sha256Of: sealed)
    number += 1
    unsettled = nil
    return sealed.count
  }

  private func forked(_ name: String, _ error: GoudError) -> GoudError {
    GoudError(
      .repositoryForked, "\(repository.store.location)/\(name) is there already: another goud follows this volume",
      hint: "let one of the two follow it", cause: error)
  }
}
