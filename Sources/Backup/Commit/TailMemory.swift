import Foundation
import GoudCore
import Repository
import Synchronization
import Tail

/// The tails of a repository that one run has read: each once, however often it is asked for, and of their bytes no more than
/// `limit` held.
final class TailMemory: Sendable {
  private struct Key: Hashable {
    let chain: TailChain
    let moment: Date?
  }

  private struct State {
    var surveys: [Key: TailSurvey] = [:]
    var pieces: [ObjectID: TailPiece] = [:]
    var bytes: Int64 = 0
  }

  /// A minute's logs, as a rule.
  static let limit: Int64 = 32 << 20

  private let reader: TailReader
  private let limit: Int64
  private let state = Mutex(State())

  init(_ repository: Repository, limit: Int64 = limit) {
    reader = TailReader(repository)
    self.limit = limit
  }

  /// Bytes of logs.
  var held: Int64 { state.withLock { $0.bytes } }

  func survey(_ chain: TailChain, upTo moment: Date?) throws -> TailSurvey {
    let key = Key(chain: chain, moment: moment)
    if let known = state.withLock({ $0.surveys[key] }) { return known }
    let found = try reader.survey(chain, upTo: moment) { keep($0, $1) }
    state.withLock { $0.surveys[key] = found }
    return found
  }

  /// - Parameter body: gets each piece, in order, as it was when it was surveyed.
  func read(_ survey: TailSurvey, _ body: (TailPiece) throws -> Void) throws {
    var rest = survey.pieces[...]
    while let next = rest.first {
      if let kept = state.withLock({ $0.pieces[next.digest] }) {
        try body(kept)
        rest = rest.dropFirst()
      } else {
        let missing = rest.prefix { outline in state.withLock { $0.pieces[outline.digest] == nil } }
        try reader.read(missing, of: survey.chain, body)
        rest = rest.dropFirst(missing.count)
      }
    }
  }

  private func keep(_ piece: TailPiece, _ outline: TailOutline) {
    state.withLock { state in
      guard state.bytes + outline.bytes <= limit, state.pieces.updateValue(piece, forKey: outline.digest) == nil
      else { return }
      state.bytes += outline.bytes
    }
  }
}
