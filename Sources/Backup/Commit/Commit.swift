import Archive
public import Foundation
import GoudCore
public import Repository

/// One backup in a repository: the snapshots of the volumes that were taken together. Made by goud: what other programs
/// keep in a repository is none.
public struct Commit: Sendable {
  /// The snapshot of one volume.
  public struct Member: Sendable {
    public let id: ObjectID
    /// Of the backup that it was made with, on which its tail stands.
    public let commit: String
    public let volume: String
    public let snapshot: Snapshot
    /// Of the chain in it; nil when it holds none.
    public let height: Int64?
    /// Sum of the sizes of its files.
    public let bytes: Int64
    /// What it holds: the chain, or the databases' identities. What has the same is a later state of the same.
    public let identity: String
    public let isProven: Bool

    init(_ id: ObjectID, _ snapshot: Snapshot, _ tags: CommitTags) {
      self.id = id
      self.snapshot = snapshot
      commit = tags.commit
      volume = tags.volume
      height = tags.height
      bytes = tags.bytes
      identity = tags.chain ?? tags.databases
      isProven = !tags.isUnproven
    }
  }

  /// 16 hexadecimal digits.
  public let id: String
  public let environment: String
  /// When the volumes were taken.
  public let taken: Date
  /// By volume.
  public let members: [Member]

  /// - Parameter snapshots: of one repository.
  /// - Returns: newest first; of one moment, by id.
  static func all(_ snapshots: [(ObjectID, Snapshot)]) -> [Commit] {
    var groups: [String: [(Member, CommitTags)]] = [:]
    for (id, snapshot) in snapshots {
      guard let tags = CommitTags(snapshot.tags) else { continue }
      groups[tags.commit, default: []].append((Member(id, snapshot, tags), tags))
    }
    return groups.map { id, members in
      let volumes = Dictionary(members.map { ($0.0.volume, $0.0) }, uniquingKeysWith: earlier).values
      return Commit(
        id: id, environment: members[0].1.environment, taken: volumes.map(\.snapshot.time.date).min() ?? .distantPast,
        members: volumes.sorted { $0.volume < $1.volume })
    }.sorted { ($0.taken, $0.id) > ($1.taken, $1.id) }
  }

  /// Of two snapshots of one volume in one backup. What restic rewrote or repaired and left beside the one that it made
  /// it of is restic's: it names what it was made of, and has a tag more.
  private static func earlier(_ one: Member, _ other: Member) -> Member {
    func age(_ member: Member) -> (Int, Int, String) {
      (member.snapshot.original == nil ? 0 : 1, member.snapshot.tags.count, member.id.hex)
    }
    return age(one) < age(other) ? one : other
  }

  static func newID() -> String { Hex.text((0..<8).map { _ in UInt8.random(in: .min ... .max) }) }

  /// Whether it was taken by then.
  func isTaken(by moment: Date) -> Bool { taken <= moment }

  /// The same backup, with these.
  func with(_ members: [Member]) -> Commit {
    Commit(id: id, environment: environment, taken: taken, members: members)
  }

  /// The same backup, of fewer volumes.
  func only(_ member: Member) -> Commit { with([member]) }
}

/// What the snapshot of a volume says of itself to `restic snapshots --tag`.
struct CommitTags {
  var commit: String
  var environment: String
  var volume: String
  /// The first twelve digits of the chain's id; nil when the volume holds none.
  var chain: String?
  var height: Int64?
  /// The highest sequence number of its databases.
  var sequence: UInt64
  /// The identities of its databases; empty when they have none.
  var databases: String
  /// Sum of the sizes of its files.
  var bytes: Int64
  /// Whether something of it could not be proven when it was made (`--unproven`).
  var isUnproven: Bool

  private static let mark = "goud"
  private static let unproven = "unproven"

  init(commit: String, environment: String, _ volume: BackupMetadata.Volume) {
    self.commit = commit
    self.environment = environment
    self.volume = volume.name
    chain = volume.chain.map { String($0.id.prefix(12)) }
    height = volume.chain?.height
    sequence = volume.databases.map(\.sequence).max() ?? 0
    databases = volume.databases.map(\.identity).filter { !$0.isEmpty }.sorted().joined(separator: "+")
    bytes = volume.bytes
    isUnproven = !volume.unproven.isEmpty
  }

  /// - Returns: nil for what goud has not made.
  init?(_ tags: [String]) {
    var values: [Substring: String] = [:]
    for tag in tags {
      guard let equals = tag.firstIndex(of: "=") else { continue }
      values[tag[..<equals]] = String(tag[tag.index(after: equals)...])
    }
    guard tags.contains(Self.mark), let commit = values["commit"], let environment = values["env"],
      let volume = values["volume"]
    else { return nil }
    (self.commit, self.environment, self.volume) = (commit, environment, volume)
    chain = values["chain"]
    height = values["height"].flatMap { Int64($0) }
    sequence = values["seq"].flatMap { UInt64($0) } ?? 0
    databases = values["db"] ?? ""
    bytes = values["bytes"].flatMap { Int64($0) } ?? 0
    isUnproven = tags.contains(Self.unproven)
  }

  var list: [String] {
    [Self.mark, "env=\(environment)", "volume=\(volume)", "commit=\(commit)", "seq=\(sequence)", "bytes=\(bytes)"]
      + (databases.isEmpty ? [] : ["db=\(databases)"]) + (isUnproven ? [Self.unproven] : [])
      + (chain.map { ["chain=\($0)"] } ?? []) + (height.map { ["height=\($0)"] } ?? [])
  }
}
