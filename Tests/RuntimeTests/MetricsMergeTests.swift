import Foundation
import GoudCore
import Layout
import Logging
import TestSupport
import Testing

@testable import Agent
@testable import Runtime

@Suite struct MetricsMergeTests {
  @Test func aFamilyOfTwoNodesIsExportedOnce() {
    var merge = MetricsMerge()
    for node in ["node1", "node2"] {
      merge.add("# HELP a_b Help.\n# TYPE a_b gauge\na_b 1\n", node: node)
    }
    #expect(
      merge.text == "# HELP a_b Help.\n# TYPE a_b gauge\na_b{node=\"node1\"} 1\na_b{node=\"node2\"} 1\n")
  }

  @Test func labelsThatAreThereStay() {
    var merge = MetricsMerge()
    merge.add("# TYPE a gauge\na{x=\"1 } ,\"} 2 17\na{} 3\n", node: "n")
    #expect(merge.text == "# TYPE a gauge\na{node=\"n\",x=\"1 } ,\"} 2 17\na{node=\"n\"} 3\n")
  }

  @Test func aHistogramStaysTogether() {
    var merge = MetricsMerge()
    let page = "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 2\nh_count 1\n"
    merge.add(page, node: "a")
    merge.add(page, node: "b")
    let lines = merge.text.split(separator: "\n")
    #expect(lines.count == 7 && lines[0] == "# TYPE h histogram" && lines[4] == "h_bucket{node=\"b\",le=\"+Inf\"} 1")
  }
}

@Suite struct LogRotationTests {
  @Test func aLogThatGrewIsMovedAsideAndItsWriterTold() async throws {
    try await withTemporaryDirectory { root in
      let home = NetworkHome(root)
      try home.create()
      let path = home.log("node1")
      // Appends a line a moment, and opens its log anew on SIGHUP, as a node does.
      let script = "trap 'exec >>\(path) 2>&1' HUP; i=0; while :; do i=$((i+1)); echo line $i; sleep 0.01; done"
      let writer = try Detached.start("/bin/sh", ["-c", script], log: path)
      defer {
        writer.signal(SIGKILL)
        _ = Detached.reap(writer)
      }
      let rotation = LogRotation(home: home, log: Logger(label: "test"), largest: 200)
      try await waitUntil("the log to grow") { (try FileSystem.status(path)?.st_size ?? 0) > 300 }
      rotation.rotate("node1", writer: writer)
      try await waitUntil("the new log") { (try FileSystem.status(path)?.st_size ?? 0) > 100 }
      writer.signal(SIGSTOP)
      let text = try ["\(path).1", path].map { try String(contentsOfFile: $0, encoding: .utf8) }.joined()
      let numbers = text.split(separator: "\n").compactMap { Int($0.dropFirst(5)) }
      #expect(numbers == Array(1...numbers.count))
    }
  }

  /// Needs root.
  @Test func theNewLogIsItsWritersAgain() throws {
    try inTemporaryDirectory { root in
      let home = NetworkHome(root)
      try home.create()
      let rotation = LogRotation(home: home, log: Logger(label: "test"), largest: 2)
      let nobody = try JSONDecoder().decode(ProcessID.self, from: Data(#"{"pid": 1, "began": 1}"#.utf8))
      try Data("a log".utf8).write(to: URL(filePath: home.log("node1")))
      #expect(chown(home.log("node1"), 4242, 4243) == 0)
      rotation.rotate("node1", writer: nobody)
      let status = try #require(try FileSystem.status(home.log("node1")))
      #expect(status.st_uid == 4242 && status.st_gid == 4243 && status.st_size == 0)
      #expect(try FileSystem.status("\(home.log("node1")).1")?.st_uid == 4242)
    }
  }

  @Test func onlyTheNewestAreKept() throws {
    try inTemporaryDirectory { root in
      let home = NetworkHome(root)
      try home.create()
      let rotation = LogRotation(home: home, log: Logger(label: "test"), largest: 2)
      let nobody = try JSONDecoder().decode(ProcessID.self, from: Data(#"{"pid": 1, "began": 1}"#.utf8))
      for number in 1...8 {
        try Data("log \(number)".utf8).write(to: URL(filePath: home.log("node1")))
        rotation.rotate("node1", writer: nobody)
      }
      #expect(try FileSystem.names(in: home.logs).sorted() == (1...5).map { "node1.log.\($0)" })
      #expect(try String(contentsOfFile: "\(home.log("node1")).5", encoding: .utf8) == "log 4")
    }
  }
}
