public import Foundation
import GoudCore
public import Repository
public import Tail

/// What was added to the logs of a commit's volumes since, as far as it can be relied on.
public struct CommitTail: Sendable {
  /// By volume, in order.
  public private(set) var pieces: [String: [TailPiece]] = [:]
  private var gaps: [String] = []

  /// - Parameter moment: what was written later is left out; nil: nothing is.
  /// - Throws: what keeps the store from being read.
  public init(_ commit: Commit, in repository: Repository, upTo moment: Date? = nil) throws {
    for member in commit.members {
      let chain = TailChain(environment: commit.environment, volume: member.volume, commit: member.commit)
      let found = try TailReader(repository).read(chain, upTo: moment)
      if !found.pieces.isEmpty { pieces[member.volume] = found.pieces }
      if let gap = found.gap { gaps.append("\(member.volume): the tail ends early: \(gap)") }
    }
  }

  public var isEmpty: Bool { pieces.isEmpty }

  /// What it adds to a volume.
  public func bytes(of volume: String) -> Int64 {
    pieces[volume, default: []].flatMap(\.parts).reduce(0) { $0 + Int64($1.bytes.count) }
  }

  /// Up to when every acknowledged write of a volume is in it; nil: up to the commit.
  public func moment(of volume: String) -> Date? { pieces[volume]?.last?.moment }

  /// How far it reaches, and why no further, line by line.
  public var notes: [String] {
    let format = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
    return pieces.sorted { $0.key < $1.key }.map { volume, pieces in
      let newest = pieces.last?.newest.sorted { $0.key < $1.key }.map { "\($0.value)" }.joined(separator: ", ") ?? ""
      return "\(volume): the commit and \(pieces.count) \(pieces.count == 1 ? "piece" : "pieces") of its tail, to "
        + "\(pieces.last?.moment.formatted(format) ?? "?"), sequence number \(newest)"
    } + gaps
  }
}
