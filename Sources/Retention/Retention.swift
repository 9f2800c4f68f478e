import Foundation
import GoudCore
import Layout
import Volumes

/// What retention knows about one archive.
struct BackupFacts: Equatable, Sendable {
  enum State: Equatable, Sendable {
    /// Read whole since it was last changed, every checksum agreeing.
    case verified
    /// Nobody has read it since it was written or copied.
    case unverified
    /// Incomplete, found damaged, or it could not be looked at.
    case broken(String)
  }

  /// What is in it. Not to be told is not to hold nothing.
  enum Contents: Equatable, Sendable {
    case told(BackupContents)
    case untold(String)
  }

  var path: String
  var environment: String
  /// From the name.
  var taken: Date
  var bytes: ByteCount
  var state: State
  var contents: Contents
}

/// Which backups go. Pure: facts and what is known of the time in, decisions out.
///
/// An archive goes when it is older than the retention, and of each chain and database in it there is a newer, verified
/// backup that stays: proven if this one was, and come at least as far. So of everything that was ever backed up the
/// newest good backup stays, whatever its age and whatever has its name now. An archive whose content cannot be told
/// stays; a broken one stands in for nothing; and where nothing is verified, nothing goes.
struct Retention: Sendable {
  struct Decision: Equatable, Sendable {
    let backup: BackupFacts
    let deletes: Bool
    let reason: String
    /// What stands in for it, by path: what this decision leans on. Empty when it stays.
    var leansOn: Set<String> = []
    /// It is old enough and stays all the same; somebody should know.
    var isStuck = false
  }

  var days: Int
  var clock: ClockEvidence

  /// - Returns: newest first.
  func decide(_ backups: [BackupFacts]) -> [Decision] {
    var decisions: [Decision] = []
    for backup in backups.sorted(by: { ($0.taken, $0.path) > ($1.taken, $1.path) }) {
      // Only what stays itself can stand in for another.
      decisions.append(decide(backup, among: decisions.filter { !$0.deletes }.map(\.backup)))
    }
    return decisions
  }

  private func decide(_ backup: BackupFacts, among kept: [BackupFacts]) -> Decision {
    let state = if case .broken(let why) = backup.state { ", \(why)" } else { "" }
    func stays(_ reason: String, stuck: Bool = false) -> Decision {
      Decision(backup: backup, deletes: false, reason: reason + state, isStuck: stuck)
    }
    guard !backup.taken.isAhead(of: clock.now) else { return stays("from the future") }
    let age = Int(clock.age(of: backup.taken) / 86400)
    guard age >= days else {
      let claimed = Int(clock.now.timeIntervalSince(backup.taken) / 86400)
      return stays("\(age) of \(days) days old", stuck: clock.doubt != nil && claimed >= days)
    }
    if let doubt = clock.doubt { return stays("\(age) days old, but \(doubt)", stuck: true) }
    guard case .told(let contents) = backup.contents, !contents.volumes.isEmpty else {
      let why = if case .untold(let why) = backup.contents { why } else { "it names no volume" }
      return stays("\(age) days old, but what it holds cannot be told: \(why)", stuck: true)
    }
    let newer = kept.filter {
      $0.environment == backup.environment && $0.state == .verified && $0.taken > backup.taken
        && !$0.taken.isAhead(of: clock.now)
    }
    guard !newer.isEmpty else { return stays("nothing newer of \(backup.environment) is verified") }
    var leansOn: Set<String> = []
    for holding in contents.holdings {
      guard let standIn = newer.first(where: { $0.holdings.contains { $0.standsIn(for: holding) } }) else {
        return stays(Self.missing(holding, newer))
      }
      leansOn.insert(standIn.path)
    }
    return Decision(backup: backup, deletes: true, reason: "\(age) days old\(state)", leansOn: leansOn)
  }

  private static func missing(_ holding: BackupContents.Holding, _ newer: [BackupFacts]) -> String {
    let same = newer.flatMap(\.holdings).filter { $0.identity == holding.identity }
    guard !same.isEmpty else { return "nothing newer of \(holding.label) is verified" }
    guard same.contains(where: { $0.proven || !holding.proven }) else {
      return "nothing newer of \(holding.label) is proven"
    }
    return "nothing newer of \(holding.label) has come to \(holding.progress ?? 0)"
  }
}

extension BackupFacts {
  var holdings: [BackupContents.Holding] {
    if case .told(let contents) = contents { contents.holdings } else { [] }
  }
}
