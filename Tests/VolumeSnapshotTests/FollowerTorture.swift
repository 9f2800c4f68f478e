import Foundation
import GoudCore
import TestSupport
import Testing
import WriterOracle

@testable import VolumeSnapshot

/// A foreign writer with an oracle is followed while it writes, flushes and dies: a look hands over every write that was
/// acknowledged before it, or says that it cannot. Looks that say so are allowed; wrong bytes never are.
///
/// Seeds: `GOUD_TORTURE_SEEDS` (default 4) runs from `GOUD_TORTURE_SEED` (default 1); each prints its seed.
@Suite(.serialized) struct FollowerTorture {
  private static let environment = ProcessInfo.processInfo.environment
  private static let first = UInt64(environment["GOUD_TORTURE_SEED"] ?? "") ?? 1
  private static let count = UInt64(environment["GOUD_TORTURE_SEEDS"] ?? "") ?? 4

  /// A writer's configuration, drawn from a seed.
  private struct Scenario: Sendable {
    let arguments: [String]
    let model: WriterModel

    init(seed: UInt64) {
      var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
      func draw(_ values: [String]) -> String {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return values[Int((state >> 33) % UInt64(values.count))]
      }
      let families = Int(draw(["1", "2", "4"])) ?? 1
      var arguments = ["--seed", "\(seed)", "--families", "\(families)", "--slots", "300"]
      arguments += ["--rate", draw(["0", "300", "1000", "4000"]), "--sync-every", draw(["0", "16"])]
      let buffer = draw(["", "16384", "65536", "262144"])
      if !buffer.isEmpty { arguments += ["--write-buffer", buffer, "--table-bytes", "65536"] }
      arguments += ["--flush-every", draw(["0", "0", "40", "400"])]
      if draw(["", "y"]) == "y" { arguments += ["--recycle", "3"] }
      if draw(["", "", "", "y"]) == "y" { arguments += ["--log-directory", "@/wal"] }
      if draw(["", "", "", "y"]) == "y" { arguments += ["--manifest-bytes", "4096"] }
      if draw(["", "", "", "y"]) == "y" { arguments += ["--blobs"] }
      self.arguments = arguments
      model = WriterModel(seed: seed, slots: 300, valueBytes: 256, families: families)
    }
  }

  private struct Run {
    let scratch: String
    let oracle: Oracle
    let model: WriterModel
    var looks = 0
    var losses: [String] = []
    var proven = 0
    var added = 0

    var volume: String { "\(scratch)/volume" }

    /// Follows from a new snapshot on until the logs no longer tell all, or for so many looks.
    mutating func follow(looks: Int, pause: Duration, to end: () -> Void = {}) async throws {
      var held = try DatabaseLocation.find(in: volume).first.map { try HeldLogs($0, volume: volume) }
      try held?.refresh()
      var safe = oracle.acknowledged
      let snapshot = try VolumeSnapshot.take(volume, options: SnapshotOptions(scratch: scratch))
      try? FileManager.default.removeItem(atPath: "\(scratch)/base")
      var copy = try FollowedCopy(snapshot, at: "\(scratch)/base", adopting: held)
      for look in 0..<looks {
        if look == looks - 1 { end() }
        try await Task.sleep(for: pause)
        let acknowledged = oracle.acknowledged
        self.looks += 1
        if let loss = try copy.look() {
          losses.append(loss)
          break
        }
        safe = acknowledged
        if look % 8 == 7 { try prove(copy, safe) }
      }
      try prove(copy, safe)
      added += copy.added
    }

    private mutating func prove(_ copy: FollowedCopy, _ safe: UInt64) throws {
      let started = oracle.started
      try copy.build("\(scratch)/copy")
      if let logs = try? FileSystem.names(in: "\(scratch)/copy/wal") {
        for log in logs { rename("\(scratch)/copy/wal/\(log)", "\(scratch)/copy/rocksdb/\(log)") }
      }
      let last = try model.check(directory: "\(scratch)/copy/rocksdb", strictly: true)
      guard last >= safe, last <= started else {
        throw TestFailure("the copy ends at \(last); \(safe) was acknowledged before the look, \(started) started")
      }
      proven += 1
    }
  }

  private static func run(
    _ arguments: [String], _ model: WriterModel, in scratch: String,
    _ body: @Sendable (inout Run, Running) async throws -> Void
  ) async throws -> Run {
    try FileManager.default.createDirectory(atPath: "\(scratch)/volume", withIntermediateDirectories: true)
    let oracle = try Oracle(path: "\(scratch)/oracle")
    let all =
      ["\(scratch)/volume/rocksdb", "--oracle", "\(scratch)/oracle"]
      + arguments.map { $0.replacingOccurrences(of: "@", with: "\(scratch)/volume") }
    let begin = oracle.acknowledged
    return try await withWriter(all) { writer in
      try await waitUntil("200 operations") { oracle.acknowledged > begin + 200 }
      var run = Run(scratch: scratch, oracle: oracle, model: model)
      try await body(&run, writer)
      return run
    }
  }

  @Test(arguments: first..<first + count)
  func everyLookHoldsEveryAcknowledgedWrite(seed: UInt64) async throws {
    let scenario = Scenario(seed: seed)
    print("follower: seed \(seed), \(scenario.arguments.joined(separator: " "))")
    try await withTemporaryDirectory { scratch in
      // Two lives of the writer: the second recovers what kill -9 left of the first.
      for life in 0..<2 {
        let run = try await Self.run(scenario.arguments, scenario.model, in: scratch) { run, writer in
          for pause in [1, 20, 100] {
            try await run.follow(looks: 16, pause: .milliseconds(pause))
          }
          // Killed before the last look: that one holds all that there ever was.
          try await run.follow(looks: 4, pause: .milliseconds(20)) { writer.send(SIGKILL) }
        }
        print(
          "follower: seed \(seed), life \(life): \(run.looks) looks, \(run.proven) copies proven, "
            + "\(run.added) bytes followed, lost: \(run.losses)")
      }
    }
  }

  /// It flushes nothing: no look has any reason to say that something is lost.
  @Test func aWriterThatOnlyWritesIsFollowedWithoutALoss() async throws {
    let model = WriterModel(seed: 7, slots: 300, valueBytes: 256, families: 3)
    try await withTemporaryDirectory { scratch in
      let run = try await Self.run(
        ["--seed", "7", "--slots", "300", "--families", "3", "--rate", "2000"], model, in: scratch
      ) {
        run, writer in
        try await run.follow(looks: 24, pause: .milliseconds(20)) { writer.send(SIGKILL) }
      }
      #expect(run.losses.isEmpty && run.looks == 24 && run.added > 0)
    }
  }

  /// It flushes all the time, and is looked at often enough.
  @Test func aWriterThatFlushesIsFollowed() async throws {
    let model = WriterModel(seed: 8, slots: 300, valueBytes: 256, families: 2)
    try await withTemporaryDirectory { scratch in
      let run = try await Self.run(
        ["--seed", "8", "--slots", "300", "--families", "2", "--rate", "500", "--flush-every", "100"], model,
        in: scratch
      ) { run, _ in
        for _ in 0..<4 { try await run.follow(looks: 24, pause: .milliseconds(10)) }
      }
      print("follower: flushing: \(run.looks) looks, \(run.added) bytes followed, lost: \(run.losses)")
      #expect(run.added > 0)
    }
  }

  /// The canary: were one growth left out, the proof would say so, or the oracle. The proof first: in a log with a hole
  /// RocksDB 9.10 may go round for ever.
  @Test func aGrowthThatIsLeftOutIsNoticed() async throws {
    let model = WriterModel(seed: 9, slots: 300, valueBytes: 256, families: 1)
    try await withTemporaryDirectory { scratch in
      _ = try await Self.run(["--seed", "9", "--slots", "300", "--rate", "2000"], model, in: scratch) { run, _ in
        let snapshot = try VolumeSnapshot.take(run.volume, options: SnapshotOptions(scratch: scratch))
        var copy = try FollowedCopy(snapshot, at: "\(scratch)/base")
        while copy.growths.count < 4 {
          try await Task.sleep(for: .milliseconds(10))
          #expect(try copy.look() == nil)
        }
        let acknowledged = run.oracle.acknowledged
        #expect(try copy.look() == nil)
        for index in copy.growths.indices.dropLast() {
          try copy.build("\(scratch)/copy", leavingOut: index)
          let proven = try? VolumeSnapshot.take("\(scratch)/copy", options: SnapshotOptions(scratch: scratch))
          let last = proven == nil ? nil : try? model.check(directory: "\(scratch)/copy/rocksdb")
          #expect(last.map { $0 < acknowledged } ?? true, "growth \(index)")
        }
      }
    }
  }
}
