import Foundation
import GoudCore
import Tail
import VolumeSnapshot
import Volumes

/// One volume that is followed: its databases' logs, and the tail that they go into.
struct FollowedVolume {
  let volume: Volume
  private(set) var followers: [DatabaseFollower]
  var tail: TailWriter
  /// What was seen and not handed to the tail yet.
  private(set) var parts: [TailPiece.Part] = []
  /// From when on nothing is known of what was written.
  private(set) var moment: Date
  /// nil when it holds none.
  private(set) var chain: FollowedChain?
  private var stored: UInt64

  init(
    _ volume: Volume, _ followers: [DatabaseFollower], _ tail: TailWriter, since moment: Date, chain: FollowedChain?
  ) {
    (self.volume, self.followers, self.tail, self.moment, self.chain) = (volume, followers, tail, moment, chain)
    stored = Self.sum(followers)
  }

  /// - Returns: the bytes that are new, or why the logs do not tell all.
  mutating func look(_ cancellation: Cancellation) throws -> (bytes: Int, loss: String?) {
    var bytes = 0
    var oldest: Date?
    for index in followers.indices {
      let (look, moment) = try followers[index].look(cancellation)
      oldest = min(oldest ?? moment, moment)
      switch look {
      case .lost(let why): return (0, "\(volume.name): \(why)")
      case .grown(let found, _):
        if followers[index].location.path == chain?.database { chain?.look(found) }
        for growth in found {
          bytes += growth.bytes.count
          append(.init(path: growth.path, offset: growth.offset, bytes: growth.bytes))
        }
      }
    }
    moment = oldest ?? moment
    return (bytes, nil)
  }

  /// Stores what was seen.
  /// - Returns: the bytes that this took.
  mutating func store() throws -> Int {
    let parts = parts
    self.parts = []
    let newest = Dictionary(uniqueKeysWithValues: followers.map { ($0.location.path, $0.newest) })
    let bytes = try tail.put(parts, newest: newest, moment: moment)
    stored = Self.sum(followers)
    chain?.store()
    return bytes
  }

  mutating func forget() { parts = [] }

  /// Writes that were seen and are not stored.
  var writesAtRisk: UInt64 { Self.sum(followers) - min(stored, Self.sum(followers)) }

  private static func sum(_ followers: [DatabaseFollower]) -> UInt64 { followers.reduce(0) { $0 + $1.newest } }

  /// What goes on where the last part of the same log ends is one part with it.
  private mutating func append(_ part: TailPiece.Part) {
    if let index = parts.lastIndex(where: { $0.path == part.path }),
      parts[index].offset + Int64(parts[index].bytes.count) == part.offset
    {
      parts[index].bytes += part.bytes
    } else {
      parts.append(part)
    }
  }
}
