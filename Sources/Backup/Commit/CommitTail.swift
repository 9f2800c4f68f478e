public import Foundation
import GoudCore
public import Repository
import Tail

/// What was added to the logs of a commit's volumes since, as far as it can be relied on.
///
/// All of it has been read, and of its bytes as much is held as `TailMemory` keeps; the rest is read again, a few pieces at a
/// time, when it is put on the commit.
public struct CommitTail: Sendable {
  /// By volume; none for a volume without a tail.
  private var surveys: [String: TailSurvey] = [:]
  private let memory: TailMemory
  private var gaps: [String] = []

  /// - Parameters:
  ///   - moment: what was written later is left out; nil: nothing is.
  ///   - memory: what was read of tails of this repository already.
  /// - Throws: what keeps the store from being read.
  public init(_ commit: Commit, in repository: Repository, upTo moment: Date? = nil) throws {
    try self.init(commit, TailMemory(repository), upTo: moment)
  }

  init(_ commit: Commit, _ memory: TailMemory, upTo moment: Date? = nil) throws {
    self.memory = memory
    for member in commit.members {
      let chain = TailChain(environment: commit.environment, volume: member.volume, commit: member.commit)
      let found = try memory.survey(chain, upTo: moment)
      if !found.pieces.isEmpty { surveys[member.volume] = found }
      if let gap = found.gap { gaps.append("\(member.volume): the tail ends early: \(gap)") }
    }
  }

  public var isEmpty: Bool { surveys.isEmpty }

  /// Whether it adds anything to a volume.
  public func adds(to volume: String) -> Bool { surveys[volume] != nil }

  /// What it adds to a volume.
  public func bytes(of volume: String) -> Int64 { pieces(of: volume).reduce(0) { $0 + $1.bytes } }

  /// Up to when every acknowledged write of a volume is in it; nil: up to the commit.
  public func moment(of volume: String) -> Date? { surveys[volume]?.moment }

  func pieces(of volume: String) -> [TailOutline] { surveys[volume]?.pieces ?? [] }

  /// - Parameter body: gets each piece of a volume, in order.
  func read(_ volume: String, _ body: (TailPiece) throws -> Void) throws {
    if let survey = surveys[volume] { try memory.read(survey, body) }
  }

  /// How far it reaches, and why no further, line by line.
  public var notes: [String] {
    let format = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
    return surveys.sorted { $0.key < $1.key }.map { volume, survey in
      let pieces = survey.pieces
      let newest = pieces.last?.newest.sorted { $0.key < $1.key }.map { "\($0.value)" }.joined(separator: ", ") ?? ""
      return "\(volume): the commit and \(pieces.count) \(pieces.count == 1 ? "piece" : "pieces") of its tail, to "
        + "\(pieces.last?.moment.formatted(format) ?? "?"), sequence number \(newest)"
    } + gaps
  }
}
