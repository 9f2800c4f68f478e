import Archive
import BlobStore
import Foundation
import GoudCore
import Layout
import Repository
import Tail
import TestSupport
import Testing
import Volumes

@testable import Backup

/// Whoever has the password of a repository can put any number into it: what no volume has is refused, and no number ends
/// the process.
@Suite struct HostileNumbersTests {
  /// A repository with one good backup, and what makes another of it.
  private struct Forge {
    let scratch: String
    let repository: Repository
    let snapshot: Snapshot

    init(_ scratch: String) async throws {
      self.scratch = scratch
      try FileManager.default.createDirectory(atPath: "\(scratch)/volume", withIntermediateDirectories: true)
      try await writeDatabase("\(scratch)/volume/rocksdb", operations: 500)
      let store = DirectoryStore("\(scratch)/repository")
      repository = try Repository.create(store, password: "p", cost: .init(rounds: 1 << 10))
      _ = try Self.commit(scratch, repository)
      snapshot = try #require(try repository.snapshots().first?.1)
    }

    static func commit(_ scratch: String, _ repository: Repository) throws -> CommitResult {
      try CommitWorkflow(
        CommitRequest(
          environment: "local", volumes: [Volume(name: "node1_data", path: "\(scratch)/volume")],
          repository: repository,
          scratch: "\(scratch)/views", toolVersion: "test")
      ).run()
    }

    /// A later backup, whose `metadata.json` says something else of its volume.
    /// - Parameter tags: in place of those of the same names.
    func forge(_ notes: [String: Any], tags: [String] = []) throws -> Commit {
      let index = try repository.loadIndex()
      let (reader, writer) = (RepositoryReader(repository, index: index), RepositoryWriter(repository, index: index))
      func tree(_ id: ObjectID) throws -> Tree { try TreeReader(reader).tree(id) }
      var root = try tree(snapshot.tree)
      let goud = try #require(root.nodes.firstIndex { $0.name == Array(".goud".utf8) })
      var directory = try tree(try #require(root.nodes[goud].subtree))
      let place = try #require(directory.nodes.firstIndex { $0.name == Array("metadata.json".utf8) })
      let old = try (directory.nodes[place].content ?? []).flatMap { try reader.load($0, as: .data) }
      var metadata = try #require(try JSONSerialization.jsonObject(with: Data(old)) as? [String: Any])
      var volume = try #require((metadata["volumes"] as? [[String: Any]])?.first)
      volume.merge(notes) { $1 }
      metadata["volumes"] = [volume]
      let bytes = [UInt8](try JSONSerialization.data(withJSONObject: metadata))
      directory.nodes[place].content = [try writer.save(bytes, as: .data).id]
      directory.nodes[place].size = UInt64(bytes.count)
      root.nodes[goud].subtree = try writer.save(directory.encoded(), as: .tree).id
      var made = snapshot
      made.tree = try writer.save(root.encoded(), as: .tree).id
      try writer.finish()
      made.time = Timestamp(Date())
      let names = Set((tags + ["commit="]).map { $0.prefix { $0 != "=" } })
      made.tags =
        snapshot.tags.filter { !names.contains($0.prefix { $0 != "=" }) } + ["commit=\(Commit.newID())"] + tags
      let id = try repository.save(made)
      return try CommitHistory(repository).find(id.hex)
    }
  }

  private func code(_ body: () throws -> Void) -> ErrorCode? {
    do {
      try body()
      return nil
    } catch {
      return (error as? GoudError)?.code
    }
  }

  @Test func sizesThatNoVolumeHasAreDamage() async throws {
    try await withTemporaryDirectory { scratch in
      let forge = try await Forge(scratch)
      let whole = try forge.forge([:])
      #expect(code { try verify(whole, forge, .database) } == nil, "the forge works")
      for (field, numbers) in [
        "bytes": [-1, .min, .max, .max - 1], "files": [-1, .min, .max, 1 << 40],
        "secondNames": [-1, .min, .max, 1 << 40],
      ] as [String: [Int64]] {
        for number in numbers {
          let commit = try forge.forge([field: number])
          for level in [BackupVerification.Level.checksums, .database] {
            #expect(code { try verify(commit, forge, level) } == .repositoryDamaged, "\(field) \(number)")
          }
          let export = CommitExport(
            commit, in: forge.repository, to: "\(scratch)/out \(field) \(number)", compression: .none)
          #expect(code { _ = try export.run() } == .repositoryDamaged, "\(field) \(number)")
        }
      }
      // What is newest is damaged, and the next is made all the same.
      let next = try Forge.commit(scratch, forge.repository)
      let found = try CommitHistory(forge.repository).find(next.id)
      #expect(code { try verify(found, forge, .database) } == nil)
    }
  }

  private func verify(_ commit: Commit, _ forge: Forge, _ level: BackupVerification.Level) throws {
    var verification = CommitVerification(commit, in: forge.repository, scratch: "\(forge.scratch)/proof")
    verification.level = level
    _ = try verification.run()
  }

  @Test func tagsAndPiecesOfAnyNumberEndNothing() async throws {
    try await withTemporaryDirectory { scratch in
      let forge = try await Forge(scratch)
      for number in [Int64.min, -1, .max] {
        let commit = try forge.forge([:], tags: ["bytes=\(number)", "height=\(number)", "seq=\(UInt64.max)"])
        #expect(code { try verify(commit, forge, .checksums) } == nil)
        // The room that it says it takes is not there.
        #expect(code { try verify(commit, forge, .database) } == (number == .max ? .ioNoRoom : nil))
      }
      for moment in [-9e15, 9e15] {
        let commit = try forge.forge([:])
        var writer = TailWriter(
          forge.repository, TailChain(environment: "local", volume: "node1_data", commit: commit.id))
        _ = try writer.put(
          [.init(path: "rocksdb/999999.log", offset: .max, bytes: [])], newest: ["rocksdb": .max],
          moment: Date(timeIntervalSince1970: moment))
        let tail = try CommitTail(commit, in: forge.repository)
        #expect(tail.notes.count == 1)
        _ = try CommitHistory(forge.repository).furthest(of: "local")
        #expect(code { try verify(commit, forge, .database) } == .repositoryDamaged)
      }
    }
  }
}
