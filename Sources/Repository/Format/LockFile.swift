public import Foundation
import GoudCore

/// Who is at work in a repository: what lies in `locks/` (restic's design document, "Locks").
public struct LockFile: Sendable, Equatable {
  /// When it was written last.
  public let time: Date
  public let isExclusive: Bool
  public let owner: Owner

  /// A lock that has not been written for so long is nobody's any more.
  static let staleAfter: TimeInterval = 30 * 60

  private struct JSON: Codable {
    let time: String
    let exclusive: Bool
    let hostname: String?
    let username: String?
    let pid: Int32?
    let uid: UInt32?
    let gid: UInt32?
  }

  init(time: Date, isExclusive: Bool, owner: Owner) {
    self.time = time
    self.isExclusive = isExclusive
    self.owner = owner
  }

  var json: [UInt8] {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = .withoutEscapingSlashes
      return Array(
        try encoder.encode(
          JSON(
            time: RFC3339.text(time), exclusive: isExclusive, hostname: owner.hostname, username: owner.username,
            pid: owner.pid, uid: owner.uid, gid: owner.gid)))
    }
  }

  /// - Returns: nil when it is no lock.
  init?(json: [UInt8]) {
    guard let read = try? JSONDecoder().decode(JSON.self, from: Data(json)), let time = RFC3339.date(read.time) else {
      return nil
    }
    let owner = Owner(
      username: read.username ?? "", hostname: read.hostname ?? "", pid: read.pid ?? 0, uid: read.uid ?? 0,
      gid: read.gid ?? 0)
    self.init(time: time, isExclusive: read.exclusive, owner: owner)
  }

  /// Whether nobody holds it any more: it was not written for 30 minutes, or its process is gone from this machine.
  func isStale(at now: Date, seenBy observer: Owner) -> Bool {
    if now.timeIntervalSince(time) > Self.staleAfter { return true }
    return owner.hostname == observer.hostname && owner.pid > 0 && !Owner.isRunning(owner.pid)
  }
}
