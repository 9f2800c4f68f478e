import Foundation
import GoudCore
import TestSupport
import Testing

/// A network's peer ports as strangers, relays and stock TLS tools find them.
@Suite(.serialized) struct NetworkPeersTests {
  // MARK: - Who is answered

  @Test func onlyWhoProvesToBeAValidatorIsAnswered() async throws {
    try await NetworkFixture.with { network in
      let shop = try await CertificateShop(network)
      try await shop.expect(true, "its own command's", try await shop.credentials("node2"))
      try await shop.expect(true, "openssl's, as the document says", try await shop.make("node2", by: "node2"))
      try await shop.expect(false, "none", nil)
      try await shop.expect(false, "a stranger's", try await shop.make("node2", by: nil))
      try await shop.expect(false, "another name's", try await shop.make("node2", by: "node3"))
      try await shop.expect(false, "a name's that is no validator", try await shop.make("node4", by: "node2"))
      let chain = String(repeating: "0", count: 64)
      try await shop.expect(false, "another chain's", try await shop.make("node2", by: "node2", chain: chain))
      try await shop.expect(false, "its own", try await shop.credentials("node1"))
      try await shop.expect(false, "an old one", try await shop.credentials("node2", days: -8))
      try await shop.expect(false, "one of the future", try await shop.credentials("node2", days: 2))
      // Two networks on one machine.
      try await NetworkFixture.with(nodes: 1) { other in
        let foreign = try await CertificateShop(other).credentials("node1")
        try await shop.expect(false, "another network's", foreign)
      }
      // Stock tools follow the chain of what a node shows, and older TLS is not spoken.
      let shown = try await shop.openssl(
        "s_client", "-connect", "127.0.0.1:\(network.ports.peer + 1)", "-tls1_3", "-alpn", "h2", "-showcerts",
        "-verify_return_error", "-CAfile", try await shop.credentials("node2").issuer, "-verify_hostname", "node2")
      #expect(shown.output.contains("Verification: OK") && shown.output.contains("CN = node2"), "\(shown)")
      let old = try await shop.openssl("s_client", "-connect", "127.0.0.1:\(network.ports.peer)", "-tls1_2")
      #expect(old.output.contains("(NONE)") || old.status != 0, "\(old)")
      #expect(try await network.status().condition == "healthy")
    }
  }

  // MARK: - What a stranger takes

  @Test func silentConnectionsKeepNobodyOut() async throws {
    try await NetworkFixture.with { network in
      let pid = try #require(try await network.status().node("node1").pid)
      let before = try Self.memory(pid)
      // Half of them say nothing, half say for ever that TLS begins; they come again as often as they are closed.
      let crowd = """
        import socket, sys, threading, time
        def one(number):
            while True:
                try:
                    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
                    if number % 2: s.sendall(bytes([22, 3, 1, 64, 0, 1]))
                    while True:
                        if number % 2: s.sendall(bytes(1024))
                        else: s.settimeout(1)
                        try:
                            if not s.recv(1): break
                        except TimeoutError: pass
                except OSError: time.sleep(0.01)
        for number in range(300): threading.Thread(target=one, args=(number,), daemon=True).start()
        time.sleep(600)
        """
      try await Programs.running("/usr/bin/python3", ["-c", crowd, "\(network.ports.peer)"]) { _ in
        try await Task.sleep(for: .seconds(1))
        #expect(try await network.goud("network", "stop", "node2").status == 0)
        let started = try await network.goud("network", "start", "node2", "--wait", "120")
        #expect(started.status == 0, "\(started.errors)")
        try await network.underLoad(seconds: 2)
      }
      try await network.nothingIsLost()
      #expect(try await network.status().node("node1").restarts == 0)
      #expect(try Self.memory(pid) - before < 128 << 10)
    }
  }

  /// KiB at most so far.
  private static func memory(_ pid: pid_t) throws -> Int {
    let text = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
    let line = text.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return try #require(line.flatMap { Int($0.filter(\.isNumber)) })
  }

  // MARK: - On the way

  @Test func aRelayReadsNothingAndChangesNothing() async throws {
    try await NetworkFixture.with { network in
      #expect(try await network.goud("network", "stop", "node2").status == 0)
      let taken = "\(network.fixture.root)/relayed"
      let port = try FreePort.take()
      // Writes down all that passes; in every fifth connection one byte after 200,000 is another.
      let relay = """
        import asyncio, sys
        seen, count = open(sys.argv[3], "wb"), 0
        async def handle(reader, writer):
            global count
            count += 1
            bad, passed = count % 5 == 1, 0
            upstream, server = await asyncio.open_connection("127.0.0.1", int(sys.argv[2]))
            async def pump(source, sink):
                nonlocal passed, bad
                try:
                    while data := await source.read(65536):
                        seen.write(data); seen.flush()
                        passed += len(data)
                        if bad and passed > 200000:
                            bad, data = False, bytes([data[0] ^ 1]) + data[1:]
                        sink.write(data)
                        await sink.drain()
                    sink.close()
                except OSError: pass
            await asyncio.gather(pump(reader, server), pump(upstream, writer))
        async def main():
            await (await asyncio.start_server(handle, "127.0.0.1", int(sys.argv[1]))).serve_forever()
        asyncio.run(main())
        """
      try await Programs.running("/usr/bin/python3", ["-c", relay, "\(port)", "\(network.ports.peer)", taken]) { _ in
        try await waitUntil("the relay to answer") { FreePort.answers(port) }
        try await network.byHand("node2", authorityAt: port) {
          try await network.underLoad(seconds: 5)
        }
      }
      #expect(try await network.goud("network", "start", "node2", "--wait", "120").status == 0)
      try await network.nothingIsLost()
      let passed = try Data(contentsOf: URL(filePath: taken))
      #expect(passed.count > 400_000)
      let ids = try String(contentsOfFile: network.record, encoding: .utf8)
        .split { !$0.isHexDigit }.filter { $0.count == 32 }.prefix(200).compactMap { Hex.bytes($0) }
      #expect(ids.count > 50)
      for id in ids { #expect(passed.range(of: Data(id)) == nil) }
      for word in ["node2", "PRI * HTTP/2", "goud.peer.v1"] { #expect(passed.range(of: Data(word.utf8)) == nil) }
      #expect(try await network.status().node("node1").restarts == 0)
    }
  }

  @Test func aClockThatIsAYearOffIsNamed() async throws {
    try await NetworkFixture.with { network in
      #expect(try await network.goud("network", "stop", "node2").status == 0)
      for days in ["-365d", "+365d"] {
        try await network.byHand(
          "node2", authorityAt: network.ports.peer, wrapped: ["faketime", "--exclude-monotonic", "-f", days]
        ) {
          try await waitUntil("node2 to say what is wrong") {
            let body = try await network.get("\(network.urls[1])/health").body
            return body.contains("peer.clock") && body.contains("set the clock that is wrong")
          }
        }
      }
      #expect(try await network.goud("network", "start", "node2", "--wait", "120").status == 0)
    }
  }

  // MARK: - Doors

  @Test func eachDoorIsOpenedOnItsOwnAddress() async throws {
    let settings = ["BIND_ADDRESS": "127.0.0.2", "PEER_ADDRESS": "127.0.0.3", "MANAGER_ADDRESS": "127.0.0.4"]
    try await NetworkFixture.with(settings: settings) { network in
      let listening = try await Programs.run("ss", ["-Hltn"]).output.split(separator: "\n").compactMap {
        $0.split(separator: " ").dropFirst(3).first.map(String.init)
      }
      let expected =
        (0..<3).map { "127.0.0.2:\(network.ports.http + $0)" } + (0..<3).map { "127.0.0.3:\(network.ports.peer + $0)" }
        + ["127.0.0.4:\(network.ports.manager)"]
      let ports = Set(expected.map { $0.split(separator: ":")[1] })
      #expect(Set(listening.filter { ports.contains($0.split(separator: ":").last ?? "") }) == Set(expected))
      #expect(try await network.status().condition == "healthy")
      #expect(try await network.get("http://127.0.0.4:\(network.ports.manager)/health").status == 200)
    }
  }
}

extension NetworkFixture {
  /// Runs a node that the manager has stopped, itself, for the time of `body`.
  fileprivate func byHand(
    _ node: String, authorityAt port: Int, wrapped: [String] = [], _ body: @Sendable () async throws -> Void
  ) async throws {
    let index = try #require(nodes.firstIndex(of: node))
    var words =
      wrapped + [
        Programs.built("goud"), "node", "run", "--name", node, "--data", volume(node), "--http",
        "127.0.0.1:\(ports.http + index)", "--listen", "127.0.0.1:\(ports.peer + index)",
      ]
    for (other, name) in nodes.enumerated() where name != node {
      words += ["--peer", "\(name)=127.0.0.1:\(other == 0 ? port : ports.peer + other)"]
    }
    _ = try await Programs.run("/usr/bin/env", words) { program in
      defer { Self.end(program) }
      try await TestSupport.waitUntil("\(node) to answer") { FreePort.answers(ports.http + index) }
      try await body()
    }
  }

  /// The node itself: `faketime` waits for it, and would leave it behind.
  private static func end(_ program: Running) {
    let children = try? String(contentsOfFile: "/proc/\(program.pid)/task/\(program.pid)/children", encoding: .utf8)
    kill(children?.split(separator: " ").first.flatMap { pid_t($0) } ?? program.pid, SIGTERM)
  }
}

/// Makes certificates for a network, and shows them to its authority.
private struct CertificateShop {
  struct Shown {
    let certificate: String
    let key: String
    /// The validator's own certificate.
    let issuer: String
  }

  let network: NetworkFixture
  let chain: String
  private let root: String

  init(_ network: NetworkFixture) async throws {
    self.network = network
    chain = try #require(try await network.status().chain)
    root = "\(network.fixture.root)/certificates"
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
  }

  func openssl(_ words: String...) async throws -> Finished { try await openssl(words) }

  private func openssl(_ words: [String]) async throws -> Finished {
    try await Programs.run("timeout", ["60", "openssl"] + words)
  }

  private func made(_ words: String...) async throws {
    let finished = try await openssl(words)
    try #require(finished.status == 0, "\(words): \(finished.errors)")
  }

  /// What `goud node credentials` writes while the node runs.
  func credentials(_ node: String, days: Int = 0) async throws -> Shown {
    let directory = "\(root)/\(node)\(days)"
    let finished = try await network.fixture.goud(
      "node", "credentials", "--data", network.volume(node), "--output", directory, days: days)
    try #require(finished.status == 0, "\(finished.errors)")
    #expect(try FileSystem.status("\(directory)/key.pem").map { $0.st_mode & 0o777 } == 0o600)
    let both = try String(contentsOfFile: "\(directory)/cert.pem", encoding: .utf8)
    let second = try #require(both.range(of: "-----BEGIN", options: .backwards))
    try String(both[second.lowerBound...]).write(toFile: "\(directory)/issuer.pem", atomically: true, encoding: .utf8)
    return Shown(
      certificate: "\(directory)/cert.pem", key: "\(directory)/key.pem", issuer: "\(directory)/issuer.pem")
  }

  /// One by openssl alone, as docs/replication.md describes it.
  /// - Parameter signer: the validator whose key signs it; nil: nobody's.
  func make(_ node: String, by signer: String?, chain: String? = nil) async throws -> Shown {
    let path = "\(root)/\(UUID().uuidString)"
    let (key, certificate, validator) = ("\(path).key", "\(path).pem", "\(path).validator")
    var seed = (0..<32).map { _ in UInt8.random(in: .min ... .max) }
    if let signer {
      let text = try String(contentsOfFile: "\(network.volume(signer))/validator_key", encoding: .utf8)
      seed = try #require(Hex.bytes(text.prefix(64)))
    }
    // RFC 8410: an Ed25519 key in PKCS #8.
    let der = Data([0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20] + seed)
    try "-----BEGIN PRIVATE KEY-----\n\(der.base64EncodedString())\n-----END PRIVATE KEY-----\n"
      .write(toFile: validator, atomically: true, encoding: .utf8)
    try await made("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
    try await made(
      "req", "-new", "-key", key, "-subj", "/O=\(chain ?? self.chain)/CN=\(node)", "-out", "\(path).csr")
    try await made(
      "req", "-x509", "-key", validator, "-subj", "/CN=issuer", "-days", "1", "-out", "\(path).issuer")
    try await made(
      "x509", "-req", "-in", "\(path).csr", "-CA", "\(path).issuer", "-CAkey", validator, "-CAcreateserial", "-days",
      "1", "-out", certificate)
    return Shown(certificate: certificate, key: key, issuer: "\(path).issuer")
  }

  /// Whether the authority speaks HTTP/2 with who shows this.
  func expect(
    _ answered: Bool, _ what: String, _ shown: Shown?, _ location: SourceLocation = #_sourceLocation
  ) async throws {
    let script = """
      import socket, ssl, sys
      context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
      context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
      context.minimum_version = ssl.TLSVersion.TLSv1_3
      context.set_alpn_protocols(["h2"])
      if len(sys.argv) > 2: context.load_cert_chain(sys.argv[2], sys.argv[3])
      try:
          s = context.wrap_socket(socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=30))
          s.sendall(b"PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n" + bytes(3) + bytes([4]) + bytes(5))
          print("settings" if s.recv(9)[3:4] == bytes([4]) else "closed")
      except (ssl.SSLError, ConnectionError) as error:
          print("refused", error)
      """
    let files = shown.map { [$0.certificate, $0.key] } ?? []
    let finished = try await Programs.run("/usr/bin/python3", ["-c", script, "\(network.ports.peer)"] + files)
    let words = "\(what): \(finished.output) \(finished.errors)"
    #expect(finished.output.hasPrefix("settings") == answered, "\(words)", sourceLocation: location)
    #expect(finished.status == 0 && !finished.output.contains("timed out"), "\(words)", sourceLocation: location)
  }
}
