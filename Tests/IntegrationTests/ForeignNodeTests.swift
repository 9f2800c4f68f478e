import Foundation
import GoudCore
import TestSupport
import Testing

/// Nodes of other makers, with RocksDB of their own, backed up while they write, killed, restored, started again, and
/// asked for what they had acknowledged.
@Suite(.serialized) struct ForeignNodeTests {
  /// MyRocks orders its keys by comparators of its own, one of them backwards; both turn out to be orders of bytes.
  @Test func aMariaDBWithMyRocksComesBackWithEveryRow() async throws {
    try await Fixture.with { fixture in
      let node = try await MariaDBNode("\(fixture.root)/node")
      let acknowledged = try await node.running {
        try await node.ask(
          "create database n; create table n.t (id int primary key, payload varchar(64), "
            + "key p (payload) comment 'rev:backwards') engine=rocksdb")
        return try await fixture.backUpUnderLoad(node.directory, "bash", node.load)
      }
      let restored = MariaDBNode(restored: "\(fixture.root)/restored")
      try await fixture.restore(to: restored.directory)
      try await restored.running {
        let rows = try await restored.ask(
          "check table n.t; select count(*), max(id), sum(binary payload = md5(id)) from n.t force index (primary); "
            + "select count(*), max(id), sum(binary payload = md5(id)) from n.t force index (p) where payload > ''"
        ).split(separator: "\n")
        #expect(rows.count == 3 && rows[0].hasSuffix("OK"), "\(rows)")
        #expect(rows[1] == rows[2], "both indexes say the same")
        let numbers = rows[1].split(separator: "\t").compactMap { Int($0) }
        #expect(numbers.allSatisfy { $0 == numbers[0] } && numbers[0] >= acknowledged, "\(rows), \(acknowledged)")
      }
    }
  }

  @Test func aCephMonitorComesBackWithEveryKey() async throws {
    try await Fixture.with { fixture in
      let monitor = try await CephMonitor("\(fixture.root)/node", root: fixture.root)
      let acknowledged = try await monitor.running {
        try await fixture.backUpUnderLoad(monitor.directory, "/usr/bin/python3", monitor.load)
      }
      let restored = CephMonitor(restored: "\(fixture.root)/restored", of: monitor)
      try await fixture.restore(to: restored.directory)
      try await restored.running {
        let keys = try await restored.ask("config-key", "dump", "goud/")
        let values = try JSONDecoder().decode([String: String].self, from: Data(keys.utf8))
        #expect(values.count >= acknowledged)
        for number in 1...acknowledged { #expect(values["goud/\(number)"] == "value of \(number)") }
      }
    }
  }
}

extension Fixture {
  fileprivate struct Archive: Decodable {
    let metadata: Metadata
    struct Metadata: Decodable { let volumes: [Volume] }
    struct Volume: Decodable {
      let unproven: [String]
      let databases: [Database]
    }
    struct Database: Decodable { let unprovenOrders: [[String: String]]? }
  }

  /// Backs up a node while a program writes to it that prints the number of each acknowledged write into `acknowledged`.
  /// - Returns: the last number before the backup.
  fileprivate func backUpUnderLoad(_ directory: String, _ program: String, _ arguments: [String]) async throws -> Int {
    let file = "\(root)/acknowledged"
    @Sendable func last() throws -> Int {
      guard let text = try? String(contentsOfFile: file, encoding: .utf8) else { return 0 }
      return text.split(separator: "\n").last.flatMap { Int($0) } ?? 0
    }
    let path = program.contains("/") ? program : "/bin/\(program)"
    return try await Programs.running(path, arguments + [file]) { _ in
      try await waitUntil("300 writes") { try last() >= 300 }
      let before = try last()
      let created = try await goud("backup", "create", "--volume", "node=\(directory)", "--format", "json")
      try #require(created.status == 0, "\(created.errors)")
      let archive = try JSONDecoder().decode(Archive.self, from: Data(created.output.utf8)).metadata.volumes[0]
      #expect(archive.unproven.isEmpty && archive.databases.allSatisfy { $0.unprovenOrders == nil })
      try await waitUntil("writes after the backup") { try last() > before }
      return before
    }
  }

  fileprivate func restore(to directory: String) async throws {
    let archive = try #require(try FileSystem.names(in: backups).first { $0.hasSuffix(".tar.gz") })
    let restored = try await goud("restore", "\(backups)/\(archive)", "--to", directory, "--yes")
    try #require(restored.status == 0, "\(restored.errors)")
  }
}

/// A `mariadbd` that keeps its tables in MyRocks, reached by a socket.
private struct MariaDBNode: Sendable {
  let directory: String
  private var socket: String { "\(directory).socket" }

  init(_ directory: String) async throws {
    self.directory = directory
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let made = try await Programs.run(
      "mariadb-install-db",
      [
        "--no-defaults", "--datadir=\(directory)", "--user=root", "--auth-root-authentication-method=normal",
        "--skip-test-db",
      ])
    try #require(made.status == 0, "\(made.errors)\(made.output)")
  }

  init(restored directory: String) { self.directory = directory }

  func running<Result: Sendable>(_ body: @Sendable () async throws -> Result) async throws -> Result {
    let arguments = [
      "--no-defaults", "--user=root", "--datadir=\(directory)", "--socket=\(socket)", "--skip-networking",
      "--pid-file=\(directory).pid", "--plugin-load-add=ha_rocksdb", "--default-storage-engine=rocksdb",
      "--skip-innodb",
      "--rocksdb-db-write-buffer-size=1048576",
    ]
    return try await Programs.running("/usr/sbin/mariadbd", arguments) { _ in
      try await waitUntil("mariadbd to answer") { try await client(["-e", "select 1"]).status == 0 }
      return try await body()
    }
  }

  @discardableResult
  func ask(_ query: String) async throws -> String {
    let answer = try await client(["-e", query])
    try #require(answer.status == 0, "\(answer.errors)")
    return answer.output
  }

  private func client(_ arguments: [String]) async throws -> Finished {
    try await Programs.run("mariadb", ["--no-defaults", "-uroot", "-N", "-B", "-S", socket] + arguments)
  }

  /// A row in each transaction, and its number once it is committed.
  var load: [String] {
    let script = """
      exec mariadb --no-defaults -uroot -N -B --unbuffered -S "$0" >"$1" < <(seq 10000000 |
        sed 's/.*/insert into n.t values (&, md5(&)); select &;/')
      """
    return ["-c", script, socket]
  }
}

/// A `ceph-mon` that is its own quorum.
private struct CephMonitor: Sendable {
  let directory: String
  private let configuration: String

  init(_ directory: String, root: String) async throws {
    self.directory = directory
    configuration = "\(root)/ceph.conf"
    let address = "[v2:127.0.0.1:\(try FreePort.take())/0]"
    let cluster = UUID().uuidString.lowercased()
    try AtomicFile.write(
      Array(
        """
        [global]
        fsid = \(cluster)
        mon host = \(address)
        auth cluster required = none
        auth service required = none
        auth client required = none
        run dir = \(root)
        crash dir = \(root)
        admin socket = \(root)/$name.asok
        log file = \(root)/$name.log
        mon cluster log file = \(root)/cluster.log

        """.utf8), to: configuration)
    let map = "\(root)/map"
    for command in [
      ["monmaptool", "-c", configuration, "--create", "--addv", "a", address, "--fsid", cluster, map],
      ["ceph-mon", "-c", configuration, "--mkfs", "-i", "a", "--monmap", map, "--mon-data", directory],
    ] {
      let made = try await Programs.run(command[0], Array(command.dropFirst()))
      try #require(made.status == 0, "\(made.errors)\(made.output)")
    }
  }

  init(restored directory: String, of other: CephMonitor) {
    self.directory = directory
    configuration = other.configuration
  }

  func running<Result: Sendable>(_ body: @Sendable () async throws -> Result) async throws -> Result {
    try await Programs.running(
      "/usr/bin/ceph-mon", ["-c", configuration, "-f", "-i", "a", "--mon-data", directory]
    ) { _ in
      try await waitUntil("the monitor to answer") { try await client(["status"]).status == 0 }
      return try await body()
    }
  }

  func ask(_ arguments: String...) async throws -> String {
    let answer = try await client(arguments)
    try #require(answer.status == 0, "\(answer.errors)")
    return answer.output
  }

  private func client(_ arguments: [String]) async throws -> Finished {
    try await Programs.run("ceph", ["-c", configuration, "--connect-timeout", "5"] + arguments)
  }

  var load: [String] {
    let script = """
      import json, rados, sys
      cluster = rados.Rados(conffile=sys.argv[1])
      cluster.connect(timeout=30)
      with open(sys.argv[2], 'w', buffering=1) as acknowledged:
          number = 1
          while True:
              command = {'prefix': 'config-key set', 'key': 'goud/%d' % number, 'val': 'value of %d' % number}
              status, _, error = cluster.mon_command(json.dumps(command), b'')
              assert status == 0, error
              print(number, file=acknowledged)
              number += 1
      """
    return ["-c", script, configuration]
  }
}
