import Foundation
import GoudCore
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import TestSupport
import Testing

@testable import Node

/// Clients served over TLS, asked by stock tools.
@Suite(.serialized) struct ClientTLSTests {
  private static var log: Logger {
    var log = Logger(label: "test")
    log.logLevel = .critical
    return log
  }

  /// Two files, made by openssl.
  private func makePair(_ root: String, _ name: String, kind: [String] = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
    async throws -> ClientTLS.Files
  {
    let files = ClientTLS.Files(certificate: "\(root)/\(name).pem", key: "\(root)/\(name).key")
    let made = try await Programs.run(
      "openssl",
      [
        "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=\(name)", "-addext",
        "subjectAltName=DNS:\(name),IP:127.0.0.1",
      ]
        + ["-newkey"] + kind + ["-keyout", files.key, "-out", files.certificate])
    try #require(made.status == 0, "\(made.errors)")
    return files
  }

  /// Runs `body` beside a node that serves over TLS, with its port.
  private func serving(
    _ files: ClientTLS.Files, root: String, limits: HTTPLimits = HTTPLimits(),
    _ body: @escaping @Sendable (Int) async throws -> Void
  ) async throws {
    let volume = "\(root)/volume"
    try FileManager.default.createDirectory(atPath: volume, withIntermediateDirectories: true)
    let chain = try SingleNodeChain(volume: volume)
    let http = await NodeHTTP(
      service: chain, volume: volume, secrets: try NodeSecrets(volume: volume, environment: [:]), limits: limits)
    let tls = try ClientTLS(files, interval: .milliseconds(50), log: Self.log)
    let (ports, port) = AsyncStream<Int>.makeStream()
    let application = http.application(address: .hostname("127.0.0.1", port: 0), tls: tls, logger: Self.log) {
      port.yield($0.localAddress?.port ?? 0)
    }
    let group = ServiceGroup(services: [application], logger: Self.log)
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await group.run() }
      var found = ports.makeAsyncIterator()
      let number = try #require(await found.next())
      do {
        try await body(number)
      } catch {
        await group.triggerGracefulShutdown()
        throw error
      }
      await group.triggerGracefulShutdown()
      try await tasks.waitForAll()
    }
  }

  private func curl(_ port: Int, _ trusted: String, _ options: String...) async throws -> Finished {
    try await Programs.run(
      "curl", ["-sS", "-m", "20", "--cacert", trusted] + options + ["https://127.0.0.1:\(port)/health/live"])
  }

  /// The subject of the certificate that a new client is shown.
  private func shown(_ port: Int) async throws -> String {
    let command = "openssl s_client -connect 127.0.0.1:\(port) </dev/null 2>/dev/null | openssl x509 -noout -subject"
    return try await Programs.run("sh", ["-c", command]).output
  }

  @Test(arguments: [
    ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"], ["rsa:2048"],
  ])
  func clientsAreServedOverBothVersions(_ kind: [String]) async throws {
    try await withTemporaryDirectory { root in
      let files = try await makePair(root, "one", kind: kind)
      try await serving(files, root: root) { port in
        for version in ["1.2", "1.3"] {
          let answer = try await curl(port, files.certificate, "--tlsv\(version)", "--tls-max", version)
          #expect(answer.output == "{\"live\":true}\n", "\(version): \(answer.errors)")
        }
        let old = try await curl(port, files.certificate, "--tls-max", "1.1")
        #expect(old.status != 0)
        let plain = try await Programs.run("curl", ["-sS", "-m", "20", "http://127.0.0.1:\(port)/health"])
        #expect(plain.status != 0 && plain.output == "")
      }
    }
  }

  @Test func anotherPairIsShownAndABadOneLeavesIt() async throws {
    try await withTemporaryDirectory { root in
      let files = try await makePair(root, "one")
      let second = try await makePair(root, "two")
      try await serving(files, root: root) { port in
        #expect(try await shown(port).contains("one"))
        for (old, new) in [(files.certificate, second.certificate), (files.key, second.key)] {
          try AtomicFile.write(try Descriptor.open(new, O_RDONLY).readAll(limit: 1 << 20), to: old)
        }
        try await waitUntil("the new certificate to be shown") { try await shown(port).contains("two") }
        // Half a pair, no pair, nothing.
        let third = try await makePair(root, "three")
        try AtomicFile.write(try Descriptor.open(third.key, O_RDONLY).readAll(limit: 1 << 20), to: files.key)
        try await Task.sleep(for: .milliseconds(200))
        #expect(try await shown(port).contains("two"))
        try AtomicFile.write(Array("nonsense".utf8), to: files.certificate)
        try await Task.sleep(for: .milliseconds(200))
        #expect(try await shown(port).contains("two"))
        try FileManager.default.removeItem(atPath: files.certificate)
        try await Task.sleep(for: .milliseconds(200))
        #expect(try await shown(port).contains("two"))
        try AtomicFile.write(
          try Descriptor.open(third.certificate, O_RDONLY).readAll(limit: 1 << 20), to: files.certificate)
        try await waitUntil("the third certificate to be shown") { try await shown(port).contains("three") }
      }
    }
  }

  @Test func whatCannotBeUsedIsRefusedByName() async throws {
    try await withTemporaryDirectory { root in
      let one = try await makePair(root, "one")
      let two = try await makePair(root, "two")
      let nonsense = "\(root)/nonsense"
      try AtomicFile.write(Array("nonsense".utf8), to: nonsense)
      let empty = "\(root)/empty"
      try AtomicFile.write([], to: empty)
      let locked = "\(root)/locked"
      let made = try await Programs.run(
        "openssl", ["pkey", "-in", one.key, "-aes256", "-passout", "pass:x", "-out", locked])
      try #require(made.status == 0)
      let wrong: [(ClientTLS.Files, String)] = [
        (.init(certificate: "\(root)/none", key: one.key), "\(root)/none"),
        (.init(certificate: one.certificate, key: "\(root)/none"), "\(root)/none"),
        (.init(certificate: root, key: one.key), root),
        (.init(certificate: nonsense, key: one.key), nonsense),
        (.init(certificate: one.certificate, key: nonsense), nonsense),
        (.init(certificate: empty, key: one.key), empty),
        (.init(certificate: one.certificate, key: empty), empty),
        (.init(certificate: one.certificate, key: two.key), two.key),
        (.init(certificate: one.key, key: one.certificate), one.key),
        (.init(certificate: one.certificate, key: locked), locked),
      ]
      for (files, name) in wrong {
        do {
          _ = try ClientTLS(files, log: Self.log)
          Issue.record("\(files) was taken")
        } catch let error as GoudError {
          #expect(error.code == .configInvalid && error.message.contains(name), "\(error)")
          #expect(error.message.contains("TLS_"), "\(error)")
        }
      }
      _ = try ClientTLS(one, log: Self.log)
    }
  }

  /// Clients that do not speak TLS, or stop within it, are gone in their time; those that do not read, too.
  @Test func whoDoesNotSpeakIsClosedAndWhoDoesNotReadKeepsNobodyOut() async throws {
    try await withTemporaryDirectory { root in
      let files = try await makePair(root, "one")
      var limits = HTTPLimits()
      limits.requestTime = .seconds(2)
      limits.connections = 16
      try await serving(files, root: root, limits: limits) { port in
        for beginning in ["", "\u{16}\u{3}\u{1}", "GET / HTTP/1.1\r\n\r\n"] {
          _ = try await onThread {
            let connection = try RawConnection(port: port)
            connection.send(beginning)
            return try connection.receive()
          }
        }
        let requests = "for i in $(seq 3000); do printf 'GET /health HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'; done; sleep 30"
        let rude =
          "for i in $(seq 16); do (\(requests)) | openssl s_client -quiet -connect 127.0.0.1:\(port) 2>/dev/null |"
          + " sleep 30 & done; sleep 30"
        try await Programs.running("sh", ["-c", rude]) { _ in
          try await Task.sleep(for: .seconds(2))
          for _ in 0..<5 {
            let answer = try await curl(port, files.certificate)
            #expect(answer.output == "{\"live\":true}\n", "\(answer.errors)")
          }
        }
      }
    }
  }
}
