import BlobStore
public import Foundation
import GoudCore
import Layout
public import Repository
import Tail

/// The commits of a repository.
public struct CommitHistory: Sendable {
  public let repository: Repository
  private let memory: TailMemory

  public init(_ repository: Repository) {
    self.repository = repository
    memory = TailMemory(repository)
  }

  /// Newest first.
  public func list() throws -> [Commit] { Commit.all(try repository.snapshots()) }

  /// One commit, or what it holds of one volume.
  /// - Parameters:
  ///   - name: `latest`, the first digits of a commit's id, or those of the snapshot of one volume, four at least.
  ///   - environment: whose the latest is to be; nil: any.
  ///   - moment: what was taken later is not the latest; nil: what is later than now, which was made under a wrong clock.
  /// - Throws: `archive.not-found`, `usage.invalid` for what several begin with.
  public func find(_ name: String, of environment: String? = nil, upTo moment: Date? = nil) throws -> Commit {
    let all = try list()
    if name == "latest" { return try newest(of: all, environment, moment) }
    guard name.utf8.count >= 4 else {
      throw GoudError(.usage, "'\(name)' is too short for a backup's id", hint: "four digits at least, or latest")
    }
    var found = all.filter { $0.id.hasPrefix(name) }
    if found.isEmpty {
      found = all.flatMap { commit in
        commit.members.filter { $0.id.hex.hasPrefix(name) }.map { commit.only($0) }
      }
    }
    guard found.count <= 1 else {
      throw GoudError(
        .usage, "\(found.count) backups in \(repository.store.location) begin with \(name)", hint: "name more digits")
    }
    guard let only = found.first else { throw missing(name, environment) }
    return only
  }

  /// What brings back the most of each volume: the newest backup, with its tail; or the one before, as long as its tail
  /// reaches further than the newest with its own. That is so from when a watch has made a commit until it has stored what
  /// was written meanwhile anew, on the new one.
  /// - Parameters:
  ///   - moment: what was written later does not count.
  ///   - all: what `list` said; nil: it is asked.
  /// - Throws: as `find`.
  public func furthest(
    of environment: String?, upTo moment: Date? = nil, among all: [Commit]? = nil
  ) throws -> Commit {
    try furthest(try all ?? list(), environment, moment)
  }

  private func newest(of all: [Commit], _ environment: String?, _ moment: Date?) throws -> Commit {
    let own = all.filter { environment == nil || $0.environment == environment }
    let newest = own.first { commit in moment.map { commit.isTaken(by: $0) } ?? !commit.taken.isAhead(of: Date()) }
    guard let newest else { throw own.last.map { later($0, environment, moment) } ?? missing("latest", environment) }
    return newest
  }

  private func furthest(_ list: [Commit], _ environment: String?, _ moment: Date?) throws -> Commit {
    let newest = try newest(of: list, environment, moment)
    let all = list.filter { $0.environment == newest.environment && $0.taken <= newest.taken }
    return newest.with(
      try newest.members.map { member in
        let chains = try TailReader(repository).commits(
          of: TailChain(environment: newest.environment, volume: member.volume, commit: newest.id))
        let candidates = all.filter { chains.contains($0.id) && $0.id != newest.id }.flatMap(\.members)
          .filter { $0.volume == member.volume && $0.identity == member.identity }
        guard !candidates.isEmpty else { return member }
        var (best, reach) = (member, try self.reach(member, of: newest, moment))
        for candidate in candidates {
          let own = try self.reach(candidate, of: newest, moment)
          if own > reach { (best, reach) = (candidate, own) }
        }
        return best
      })
  }

  /// What was added to the logs of a commit's volumes since. What `furthest` has read of it is not read again.
  /// - Parameter moment: what was written later is left out.
  public func tail(of commit: Commit, upTo moment: Date? = nil) throws -> CommitTail {
    try CommitTail(commit, memory, upTo: moment)
  }

  /// Up to when every acknowledged write is in it or in its tail.
  private func reach(_ member: Commit.Member, of commit: Commit, _ moment: Date?) throws -> Date {
    let tail = try tail(of: commit.only(member), upTo: moment).moment(of: member.volume)
    return max(tail ?? .distantPast, member.snapshot.time.date)
  }

  /// The oldest backup whose chain reaches a block; the newest of all when none does, whose tail may.
  /// - Parameter all: what `list` said; nil: it is asked.
  public func find(
    height: Int64, of environment: String, upTo moment: Date? = nil, among all: [Commit]? = nil
  ) throws -> Commit {
    let list = try all ?? list()
    let newest = try newest(of: list, environment, moment)
    let all = list.filter { $0.environment == environment && $0.taken <= newest.taken }
    return try all.last { commit in commit.members.contains { $0.height ?? -1 >= height } }
      ?? furthest(list, environment, moment)
  }

  /// The backups of a list that are later than now: made under a clock that was ahead, and nobody's latest until their day
  /// has come.
  public static func ahead(of environment: String, among all: [Commit]) -> [Commit] {
    all.filter { $0.environment == environment && $0.taken.isAhead(of: Date()) }
  }

  /// The newest commit of each volume, by its name; not one that is later than now.
  func newest(of volumes: [String], in environment: String) throws -> [String: Commit.Member] {
    var newest: [String: Commit.Member] = [:]
    for commit in try list() where commit.environment == environment && !commit.taken.isAhead(of: Date()) {
      for member in commit.members where volumes.contains(member.volume) && newest[member.volume] == nil {
        newest[member.volume] = member
      }
    }
    return newest
  }

  private func later(_ first: Commit, _ environment: String?, _ moment: Date?) -> GoudError {
    GoudError(
      .archiveNotFound,
      "every backup\(environment.map { " of \($0)" } ?? "") in \(repository.store.location) is later than "
        + "\(moment?.formatted(.iso8601) ?? "now"), from \(first.id) of \(first.taken.formatted(.iso8601)) on",
      hint: "name one by its id; goud backup list --repo shows what there is")
  }

  private func missing(_ name: String, _ environment: String?) -> GoudError {
    GoudError(
      .archiveNotFound,
      name == "latest"
        ? "there is no backup\(environment.map { " of \($0)" } ?? "") in \(repository.store.location)"
        : "there is no backup \(name) in \(repository.store.location)",
      hint: "goud backup list --repo shows what there is; --env names another environment")
  }
}
