import Foundation
import GoudCore
import TestSupport
import Testing

@testable import Node

@Suite struct ExpositionTests {
  @Test func namesAreExplainedOnceAndValuesFollow() {
    var exposition = Exposition()
    exposition.gauge("a_bytes", "Of a.", 2_621_440)
    exposition.gauge("absent", "Not known.", nil)
    exposition.family("b_total", .counter, "Of b.") { family in
      family.sample(1, ["path": #"C:\x "y""# + "\nz"])
      family.sample(0.25, ["path": "", "more": "ü"])
    }
    #expect(
      exposition.text == #"""
        # HELP a_bytes Of a.
        # TYPE a_bytes gauge
        a_bytes 2621440
        # HELP b_total Of b.
        # TYPE b_total counter
        b_total{path="C:\\x \"y\"\nz"} 1
        b_total{path="",more="ü"} 0.25

        """#)
  }

  @Test func numbersHaveTheFormsThatScrapersRead() {
    #expect(
      [0, -3, 1e15, 0.1, .infinity, -.infinity, .nan].map(Exposition.number) == [
        "0", "-3", "1000000000000000", "0.1", "+Inf", "-Inf", "NaN",
      ])
  }

  @Test func aHistogramSumsUpItsBuckets() {
    let metrics = RequestMetrics()
    for seconds in [0.0005, 0.004, 0.004, 60] {
      metrics.begin()
      metrics.end(route: "/chain", method: "GET", status: 200, seconds: seconds)
    }
    metrics.begin()
    var exposition = Exposition()
    metrics.write(to: &exposition)
    let lines = Set(exposition.text.split(separator: "\n").map(String.init))
    let name = "goud_http_request_duration_seconds"
    for line in [
      "goud_http_requests_in_progress 1", #"goud_http_requests_total{route="/chain",method="GET",status="200"} 4"#,
      #"\#(name)_bucket{route="/chain",le="0.001"} 1"#, #"\#(name)_bucket{route="/chain",le="0.0025"} 1"#,
      #"\#(name)_bucket{route="/chain",le="0.005"} 3"#, #"\#(name)_bucket{route="/chain",le="10"} 3"#,
      #"\#(name)_bucket{route="/chain",le="+Inf"} 4"#, #"\#(name)_count{route="/chain"} 4"#,
    ] { #expect(lines.contains(line), "\(line)") }
  }
}

@Suite struct VolumeUsageTests {
  @Test func everyFileCountsAndTablesAreThoseOfTheDatabase() throws {
    try inTemporaryDirectory { volume in
      #expect(try VolumeUsage(volume: volume).rocksdbPresent == false)
      try FileManager.default.createDirectory(atPath: "\(volume)/rocksdb/deep", withIntermediateDirectories: true)
      for (name, size) in [
        ("rocksdb/CURRENT", 16), ("rocksdb/000001.sst", 1 << 20), ("rocksdb/000002.sst", 1 << 20),
        ("rocksdb/deep/3.sst", 1 << 19), ("stray.sst", 0), ("jwt_secret", 65),
      ] {
        try Data(repeating: 1, count: size).write(to: URL(fileURLWithPath: "\(volume)/\(name)"))
      }
      // A link leads elsewhere, and a loop nowhere.
      try FileManager.default.createSymbolicLink(atPath: "\(volume)/loop", withDestinationPath: ".")
      let usage = try VolumeUsage(volume: volume)
      #expect(usage.diskUsedBytes == 16 + (2 << 20) + (1 << 19) + 65)
      #expect(usage.diskUsedMb == 2)
      #expect(usage.mountPath == volume)
      #expect(usage.rocksdbPresent)
      #expect(usage.sstFileCount == 3)
    }
  }

  @Test func aVolumeThatIsNotThereCountsForNothing() throws {
    let usage = try VolumeUsage(volume: "/nonexistent/volume")
    #expect(usage.diskUsedBytes == 0 && !usage.rocksdbPresent)
  }

  @Test func whatIsCachedIsFoundOutOnce() async throws {
    let calls = Counter(0)
    let cached = Cached(for: .seconds(3600)) {
      calls.value += 1
      return calls.value
    }
    let values = try await withThrowingTaskGroup { group in
      for _ in 1...20 { group.addTask { try await cached.value() } }
      return try await group.reduce(into: Set<Int64>()) { $0.insert($1) }
    }
    #expect(values == [1])
    let failing = Cached(for: .seconds(3600)) { () -> Int in
      calls.value += 1
      throw TestFailure("no")
    }
    for _ in 1...2 { await #expect(throws: TestFailure.self) { try await failing.value() } }
    #expect(calls.value == 3)
  }
}
