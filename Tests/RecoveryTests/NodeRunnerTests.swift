import Archive
import Chain
import Foundation
import GoudCore
import TestSupport
import Testing

@testable import Backup
@testable import Restore
@testable import Retention

/// Restores of volumes whose nodes run.
@Suite struct NodeRunnerTests {
  private let everyStop = ["stop node1", "stop node2", "stop node3"]
  private let everyStart = ["start node1", "start node2", "start node3"]

  /// Three nodes with `old` blocks, of which a backup holds the first two.
  private func network(_ root: String) throws -> (ChainFixture, archive: String, blocks: [Block]) {
    let fixture = try ChainFixture(root)
    let blocks = try fixture.blocks(5)
    for name in fixture.names { try fixture.make(name, Array(blocks[..<2])) }
    let archive = try fixture.backUp().archive
    for name in fixture.names { try fixture.ledger(name) { try $0.append(Array(blocks[2...]), acknowledged: 5) } }
    return (fixture, archive, blocks)
  }

  /// The error that a restore ends with, run on a thread of its own: it waits for what needs the others.
  private func failure(
    of restore: Restore, confirm: @escaping @Sendable (RestorePlan) throws -> Void = { _ in }
  ) async -> GoudError? {
    do {
      _ = try await onThread { try restore.run(confirm: confirm) }
      Issue.record("it went through")
    } catch {
      if let error = error as? GoudError { return error }
      Issue.record(error)
    }
    return nil
  }

  @Test func nodesAreStoppedForTheSwapAndStartedAgain() async throws {
    try await withTemporaryDirectory { root in
      let (fixture, archive, blocks) = try network(root)
      let runner = try FakeRunner(fixture, running: ["node1", "node2", "node3"])
      var restore = try fixture.restore(archive)
      restore.runner = runner
      let planned = try await onThread { [restore] in try restore.plan() }
      #expect(planned.steps.map(\.node) == ["node1", "node2", "node3"] && runner.events == [])
      let report = try await onThread { [restore] in try restore.run() }
      #expect(
        runner.events == everyStop + everyStart + ["confirm node1 at 2", "confirm node2 at 2", "confirm node3 at 2"])
      #expect(runner.nodes == ["node1", "node2", "node3"] && runner.head("node2") == blocks[1].reference)
      #expect(report.volumes.allSatisfy { $0.standing == "member" && $0.safetyCopy != nil })
    }
  }

  @Test func onlyTheNodesOfTheVolumesAreStopped() async throws {
    try await withTemporaryDirectory { root in
      let (fixture, archive, _) = try network(root)
      let runner = try FakeRunner(fixture, running: ["node1", "node2"])
      for volume in ["node2_data", "node3_data"] {
        var restore = try fixture.restore(archive) { $0.volume = volume }
        restore.runner = runner
        _ = try await onThread { [restore] in try restore.run() }
      }
      #expect(runner.events == ["stop node2", "start node2", "confirm node2 at 2"])
      #expect(runner.nodes == ["node1", "node2"])
    }
  }

  @Test func aNodeThatDoesNotComeUpHasItsOldDataBack() async throws {
    try await withTemporaryDirectory { root in
      let (fixture, archive, blocks) = try network(root)
      let runner = try FakeRunner(fixture, running: ["node1", "node2", "node3"], sick: ["node3"])
      var restore = try fixture.restore(archive)
      restore.runner = runner
      let error = await failure(of: restore)
      #expect(error?.code == .restoreUnproven && error?.message.contains("node3 says") == true)
      #expect(runner.events.suffix(6) == everyStop + everyStart)
      for node in ["node1", "node2", "node3"] {
        #expect(runner.head(node) == blocks[4].reference)
        #expect(try fixture.standing("\(node)_data") == ChainFixture.founded)
      }
      #expect(try SafetyCopy.all(of: VolumePlace(fixture.path("node1_data"))).count == 1)
    }
  }

  /// Other volumes' safety copies may be newer by then, and nobody else gets at the volumes before it is decided.
  @Test func whatGoesBackIsWhatThisRunReplacedUnderItsLocks() async throws {
    try await withTemporaryDirectory { root in
      let (fixture, archive, blocks) = try network(root)
      let place = try VolumePlace(fixture.path("node3_data"))
      let other = "\(fixture.volumes)/.node9_data.replaced-20991231-000000"
      let runner = try FakeRunner(fixture, running: ["node3"], sick: ["node3"]) {
        try FileManager.default.createDirectory(atPath: other, withIntermediateDirectories: true)
        #expect(throws: GoudError.self) { try VolumeLocks().take(place) }
        #expect(DirectoryLock.holder(of: place.path) != nil)
      }
      var restore = try fixture.restore(archive) { $0.volume = "node3_data" }
      restore.runner = runner
      let error = await failure(of: restore)
      #expect(error?.message.contains("the old data is back") == true, "\(error?.message ?? "")")
      #expect(runner.head("node3") == blocks[4].reference)
      #expect(try FileSystem.status(other)?.isDirectory == true)
      #expect(DirectoryLock.holder(of: place.path) == nil)
    }
  }

  /// It may have acknowledged something while it ran on the data that goes.
  @Test func aSingleNodeThatGoesBackRejoins() async throws {
    try await withTemporaryDirectory { root in
      let (fixture, archive, blocks) = try network(root)
      let runner = try FakeRunner(fixture, running: ["node3"], sick: ["node3"])
      var restore = try fixture.restore(archive) { $0.volume = "node3_data" }
      restore.runner = runner
      #expect(await failure(of: restore)?.code == .restoreUnproven)
      #expect(runner.head("node3") == blocks[4].reference)
      #expect(try fixture.standing("node3_data").standing == .rejoining)
    }
  }

  @Test func aNodeThatCannotBeStoppedEndsTheRestore() async throws {
    try await withTemporaryDirectory { root in
      let (fixture, archive, blocks) = try network(root)
      let runner = try FakeRunner(fixture, running: ["node1", "node2", "node3"], stubborn: ["node2"])
      var restore = try fixture.restore(archive)
      restore.runner = runner
      #expect(await failure(of: restore)?.message == "node2 does not stop")
      #expect(runner.nodes == ["node1", "node2", "node3"])
      #expect(runner.head("node1") == blocks[4].reference)
      #expect(try FileSystem.names(in: fixture.volumes).sorted() == fixture.names)
    }
  }

  @Test func aRestoreThatFailsStopsNobody() async throws {
    try await withTemporaryDirectory { root in
      let (fixture, archive, _) = try network(root)
      let runner = try FakeRunner(fixture, running: ["node1"])
      var restore = try fixture.restore(archive)
      restore.runner = runner
      restore.source.volumes[0].chain?.head = String(repeating: "0", count: 64)
      #expect(await failure(of: restore)?.code == .chainInvalid)
      #expect(
        await failure(of: restore) { _ in throw GoudError(.restoreConfirmation, "no") }?.code == .restoreConfirmation)
      #expect(runner.events == [] && runner.nodes == ["node1"])
    }
  }

  @Test func aSwapThatFailsStartsTheNodesOnTheOldData() async throws {
    try await withTemporaryDirectory { root in
      let (fixture, archive, blocks) = try network(root)
      let runner = try FakeRunner(fixture, running: ["node1", "node2", "node3"])
      var restore = try fixture.restore(archive)
      restore.runner = runner
      restore.proof.quick = { if $0.name == "node3_data" { throw GoudError(.databaseCorrupt, "no") } }
      #expect(await failure(of: restore)?.code == .restoreUnproven)
      #expect(runner.events == everyStop + everyStart)
      #expect(runner.head("node1") == blocks[4].reference)
    }
  }

  @Test func withNothingToGoBackToTheNewDataStays() async throws {
    try await withTemporaryDirectory { root in
      let (fixture, archive, blocks) = try network(root)
      let runner = try FakeRunner(fixture, running: ["node2"], sick: ["node2"])
      try FileManager.default.removeItem(atPath: fixture.path("node2_data"))
      var restore = try fixture.restore(archive) { $0.volume = "node2_data" }
      restore.runner = runner
      #expect(await failure(of: restore)?.code == .restoreUnproven)
      #expect(runner.head("node2") == blocks[1].reference)
    }
  }
}
