import Archive
import Foundation
public import GoudCore
public import Repository
import Tail
import VolumeSnapshot

/// Proof of a backup in a repository after the fact.
public struct CommitVerification: Sendable {
  public struct Result: Sendable, Encodable {
    public let id: String
    public let level: BackupVerification.Level
    /// What was read.
    public let blobs: Int
    public let bytes: Int64
    /// How far the tail reaches, and why no further.
    public let tail: [String]
    /// Empty for `checksums`.
    public internal(set) var databases: [ProvenDatabase] = []
    /// Only for `chain`: what the ledgers hold, and the databases that are none.
    public internal(set) var ledgers: [ProvenLedger]?
    public internal(set) var notLedgers: [String]?
  }

  public var commit: Commit
  public var repository: Repository
  /// Where it is unpacked; removed afterwards.
  public var scratch: String
  public var level = BackupVerification.Level.checksums
  public var cancellation = Cancellation()
  public var progress: any ProgressSink = NoProgress()

  public init(_ commit: Commit, in repository: Repository, scratch: String) {
    (self.commit, self.repository, self.scratch) = (commit, repository, scratch)
  }

  /// - Throws: `repository.damaged`, naming what; what the proofs throw.
  public func run() throws -> Result {
    let index = try repository.loadIndex()
    let tail = try CommitTail(commit, in: repository)
    let (blobs, bytes) = try read(index)
    var result = Result(id: commit.id, level: level, blobs: blobs, bytes: bytes, tail: tail.notes)
    guard level != .checksums else { return result }
    try FileSystem.makePrivateDirectory(scratch)
    let unpacking = try Unpacking(in: scratch)
    var directories: [String: String] = [:]
    for member in commit.members { directories[member.volume] = try unpacking.directory(for: member.volume) }
    try refuseTooLittleRoom(tail)
    var extraction = CommitExtraction(repository, index)
    extraction.contentOnly = true
    extraction.tail = tail
    extraction.cancellation = cancellation
    extraction.progress = progress
    let (_, proven) = try ProofOnArrival.run(cancellation) {
      extraction.arrived = $0
      return try extraction.run(commit, into: directories)
    }
    var proof = UnpackedProof(scratch: scratch, cancellation: cancellation, progress: progress)
    for member in commit.members {
      let metadata = try CommitContents(member, in: repository, index).metadata.volumes[0]
      try proof.take(
        member.volume, at: directories[member.volume] ?? "", proven: proven, noted: metadata.chain,
        chains: level == .chain,
        growing: tail.adds(to: member.volume))
    }
    result.databases = proof.databases
    guard level == .chain else { return result }
    (result.ledgers, result.notLedgers) = try proof.chains(of: commit.id)
    return result
  }

  private func refuseTooLittleRoom(_ tail: CommitTail) throws {
    let needed = commit.members.map { ByteCount($0.bytes) + ByteCount(tail.bytes(of: $0.volume)) }.sum
    let room = try FileSystem.room(at: scratch).available
    guard needed > room else { return }
    throw GoudError(
      .ioNoRoom, "the backup unpacks to \(needed), and \(scratch) has room for \(room)",
      hint: "verify at level checksums, which needs no room")
  }

  /// Every blob of every file, once.
  private func read(_ index: RepositoryIndex) throws -> (Int, Int64) {
    let reader = RepositoryReader(repository, index: index)
    var wanted: Set<ObjectID> = []
    for member in commit.members {
      try CommitContents(member, in: repository, index).walk { _, content in wanted.formUnion(content) }
    }
    let total = wanted.reduce(Int64(0)) { $0 + Int64(index.plainLength(of: $1, as: .data) ?? 0) }
    progress.begin("read \(commit.id)", total: ByteCount(total))
    defer { progress.end() }
    var bytes: Int64 = 0
    try reader.load(Array(wanted), as: .data) { _, blob in
      try cancellation.check()
      bytes += Int64(blob.count)
      progress.advance(blob.count)
    }
    return (wanted.count, bytes)
  }
}
