import Archive
import BlobStore
import Chain
import Foundation
import GoudCore
import Repository
import Synchronization
import TestSupport
import Testing
import VolumeSnapshot
import Volumes

@testable import Backup

/// What a watch says of a chain: the blocks that its logs have shown and its repository has not.
@Suite struct BlocksAtRiskTests {
  /// Lets the store of the tails be away, and does one thing after another, a tick apart.
  private final class Course: @unchecked Sendable {
    let isAway = Atomic(false)
    // On the watch's thread alone.
    private var steps: [() throws -> Void]
    private(set) var said: [UInt64?] = []

    init(_ steps: [() throws -> Void]) { self.steps = steps }

    /// After a tick: notes what it said, and does the next thing.
    /// - Returns: whether there is one more.
    func next(_ status: WatchStatus) throws -> Bool {
      guard status.commits > 0 else { return status.ticks < 6000 }
      said.append(status.blocksAtRisk)
      guard !steps.isEmpty else { return false }
      try steps.removeFirst()()
      return true
    }
  }

  private func follow(
    _ volumes: [Volume], _ scratch: String, _ steps: (_ course: @escaping () -> Course) -> [() throws -> Void]
  ) async throws -> [UInt64?] {
    var made: Course?
    let course = Course(steps { made! })
    made = course
    let store = FaultyStore(
      DirectoryStore("\(scratch)/repository"), withoutTailWhile: { course.isAway.load(ordering: .relaxed) })
    let cancellation = Cancellation()
    var commit = CommitRequest(
      environment: "local", volumes: volumes,
      repository: try Repository.create(store, password: "p", cost: .init(rounds: 1 << 10)),
      scratch: "\(scratch)/views", toolVersion: "test")
    commit.cancellation = cancellation
    var request = WatchRequest(commit)
    (request.every, request.commitEvery) = (0.01, 3600)
    request.ticked = { status in
      if (try? course.next(status)) != true { cancellation.cancel() }
    }
    let asked = request
    try await onThread { try Watch(asked).run() }
    // At its end it says all once more.
    return course.said.dropLast()
  }

  /// Of two nodes of one chain a block is at risk as long as neither has it in the repository.
  @Test func theyAreThoseThatWereSeenAndAreInNoVolumeOfTheRepository() async throws {
    try await withTemporaryDirectory { scratch in
      let fixture = try ChainFixture(scratch, nodes: 2)
      let blocks = try fixture.blocks(10)
      for name in fixture.names { try fixture.make(name, Array(blocks[..<3]), acknowledged: 0) }
      let ledgers = try fixture.names.map { try Ledger(directory: "\(fixture.path($0))/rocksdb") }
      let said = try await follow(fixture.names.map(fixture.volume), scratch) { course in
        [
          { try ledgers[0].append(Array(blocks[3..<4])) },
          { course().isAway.store(true, ordering: .relaxed) },
          { try ledgers[0].append(Array(blocks[4..<7])) },
          { try ledgers[1].append(Array(blocks[3..<6])) },
          { try ledgers[1].append(Array(blocks[6..<9])) },
          { try ledgers[1].truncate(above: 8, force: true) },
          { course().isAway.store(false, ordering: .relaxed) },
          {},
        ]
      }
      #expect(said == [0, 0, 0, 3, 3, 5, 4, 0, 0])
    }
  }

  @Test func whereThereIsNoChainNothingIsSaidOfBlocks() async throws {
    try await withTemporaryDirectory { scratch in
      let path = "\(scratch)/volume"
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      let database = try RawDatabase("\(path)/rocksdb")
      let said = try await follow([Volume(name: "node1_data", path: path)], scratch) { _ in
        [{ try database.put("head", bytes: 48) }, {}]
      }
      #expect(said == [nil, nil, nil])
    }
  }

  @Test func aHeightThatIsNotKnownIsNotNought() throws {
    try inTemporaryDirectory { scratch in
      let fixture = try ChainFixture(scratch, nodes: 1)
      try fixture.make("node1_data", fixture.blocks(3))
      let archive = try fixture.backUp().metadata.volumes[0]
      var chain = try #require(FollowedChain(archive, isFollowed: true))
      #expect(FollowedChain.blocksAtRisk([chain]) == 0)
      chain.look([.init(path: "rocksdb/000004.log", offset: 0, bytes: [UInt8](repeating: 1, count: 100))])
      #expect(FollowedChain.blocksAtRisk([chain]) == nil)
      let unseen = try #require(FollowedChain(archive, isFollowed: false))
      #expect(FollowedChain.blocksAtRisk([unseen]) == nil)
      #expect(FollowedChain.blocksAtRisk([]) == nil)
    }
  }

  @Test func whatIsNotKnownIsNotInTheStatus() throws {
    var status = WatchStatus(
      repository: "r", process: 1, volumes: ["v"], started: .distantPast, noted: Date(timeIntervalSince1970: 100))
    status.safe = Date(timeIntervalSince1970: 99)
    func said() throws -> (text: String, json: String) {
      let finding = try #require(status.finding(now: Date(timeIntervalSince1970: 100)))
      return (finding.message, String(decoding: try JSONEncoder().encode(status), as: UTF8.self))
    }
    #expect(try !said().text.contains("block") && !said().json.contains("blocksAtRisk"))
    status.blocksAtRisk = 0
    #expect(try said().text.hasSuffix("0 writes, 0 blocks") && said().json.contains("\"blocksAtRisk\":0"))
    status.blocksAtRisk = 1
    #expect(try said().text.hasSuffix("1 block"))
  }
}
