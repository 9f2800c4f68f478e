import Archive
import Foundation
import Repository
import Testing

@testable import Backup
@testable import Retention

/// What a snapshot's tags say of a backup, and what is concluded from two of them.
@Suite struct CommitTagsTests {
  private static let commit = "0123456789abcdef"

  private static func volume(
    _ name: String = "v", bytes: Int64 = 1000, identities: [String] = ["A"], sequence: UInt64 = 7,
    unproven: Bool = false
  ) -> BackupMetadata.Volume {
    BackupMetadata.Volume(
      name: name, files: 1, bytes: bytes,
      databases: identities.map {
        .init(
          path: "db", identity: $0, sequence: sequence, columnFamilies: ["default"], estimatedKeys: 1, optionsFile: nil,
          writtenBy: nil, provenBy: nil)
      }, unproven: unproven ? ["a view"] : [])
  }

  private static func snapshot(_ tags: [String], at seconds: Int64 = 1_790_000_000) -> (ObjectID, Snapshot) {
    var snapshot = Snapshot(
      time: Timestamp(seconds: seconds, nanoseconds: 0), tree: ObjectID(sha256Of: [1]), paths: ["/v"])
    snapshot.tags = tags
    return (ObjectID(sha256Of: Array("\(tags)\(seconds)".utf8)), snapshot)
  }

  private static func member(
    _ bytes: Int64, height: Int64? = nil, _ identity: String = "A", volume: String = "v"
  ) -> Commit.Member {
    var tags = CommitTags(commit: commit, environment: "e", Self.volume(volume, bytes: bytes, identities: [identity]))
    tags.height = height
    let (id, made) = snapshot(tags.list)
    return Commit.Member(id, made, tags)
  }

  @Test func whatIsWrittenIsReadBack() throws {
    for unproven in [false, true] {
      let tags = CommitTags(
        commit: Self.commit, environment: "local", Self.volume(identities: ["B", "A"], unproven: unproven))
      let read = try #require(CommitTags(tags.list.shuffled()))
      #expect(read.list == tags.list)
      #expect(read.databases == "A+B" && read.sequence == 7 && read.bytes == 1000 && read.isUnproven == unproven)
    }
  }

  @Test func namesWithEqualSignsAreReadBack() throws {
    let tags = CommitTags(commit: Self.commit, environment: "a=b", Self.volume("c=d"))
    let read = try #require(CommitTags(tags.list))
    #expect(read.environment == "a=b" && read.volume == "c=d")
  }

  @Test func whatGoudHasNotMadeIsNoCommit() {
    let own = CommitTags(commit: Self.commit, environment: "e", Self.volume()).list
    #expect(CommitTags([]) == nil)
    for lacking in ["goud", "env=e", "volume=v", "commit=\(Self.commit)"] {
      #expect(CommitTags(own.filter { $0 != lacking }) == nil, "without \(lacking)")
    }
    #expect(Commit.all([Self.snapshot(["mine"]), Self.snapshot([])]).isEmpty)
  }

  @Test func tagsOfPeopleBesideOursDoNotDisturb() {
    let own = CommitTags(commit: Self.commit, environment: "e", Self.volume())
    #expect(CommitTags(own.list + ["keep", "reason=audit"])?.list == own.list)
  }

  @Test func numbersThatAreNoneAreAsIfNotThere() throws {
    let read = try #require(
      CommitTags(["goud", "env=e", "volume=v", "commit=c", "seq=x", "bytes=-", "height=tall"]))
    #expect(read.sequence == 0 && read.bytes == 0 && read.height == nil)
  }

  @Test func volumesThatWereTakenTogetherAreOneCommitNewestFirst() {
    let old = ["b", "a"].map {
      Self.snapshot(CommitTags(commit: "old0", environment: "e", Self.volume($0)).list, at: 1_790_000_000)
    }
    let new = Self.snapshot(CommitTags(commit: "new0", environment: "e", Self.volume("a")).list, at: 1_790_000_060)
    let all = Commit.all(old + [new])
    #expect(all.map(\.id) == ["new0", "old0"])
    #expect(all[1].members.map(\.volume) == ["a", "b"])
  }

  /// As `restic rewrite` and `repair snapshots` leave one beside.
  @Test func aSnapshotThatWasMadeOfAnotherBesideItIsNoPartOfTheBackup() {
    let own = CommitTags(commit: Self.commit, environment: "e", Self.volume()).list
    let first = Self.snapshot(own)
    for seconds in (1_790_000_000..<1_790_000_016) as Range<Int64> {
      var made = Self.snapshot(own + ["rewrite"], at: seconds)
      made.1.original = first.0
      #expect(Commit.all([first, made]).map { $0.members.map(\.id) } == [[first.0]])
      #expect(Commit.all([made, first]).map { $0.members.map(\.id) } == [[first.0]])
      // Alone, it is all that there is; and what was tagged anew names what it was made of as well.
      #expect(Commit.all([made]).map { $0.members.map(\.id) } == [[made.0]])
      var tagged = Self.snapshot(own)
      tagged.1.original = ObjectID(sha256Of: [2])
      #expect(Commit.all([made, tagged]).map { $0.members.map(\.id) } == [[tagged.0]])
    }
  }

  // MARK: What fell

  @Test func heightsFallByOneBlockAndSizesByMoreThanHalf() {
    #expect(Forget.fall(Self.member(1000, height: 10), Self.member(1000, height: 11))?.contains("11 to 10") == true)
    #expect(Forget.fall(Self.member(1000, height: 11), Self.member(1000, height: 11)) == nil)
    #expect(Forget.fall(Self.member(499), Self.member(1000)) != nil)
    #expect(Forget.fall(Self.member(500), Self.member(1000)) == nil)
    #expect(Forget.fall(Self.member(1000), Self.member(499)) == nil)
  }

  @Test func whatHoldsSomethingElseDidNotFall() {
    #expect(Forget.fall(Self.member(1, "B"), Self.member(1000, "A")) == nil)
  }
}
