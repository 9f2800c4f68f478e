import Foundation
import GoudCore
import TestSupport
import Testing

/// A validator that is not goud (Python, grpcio) and lies, with credentials that hold, among real nodes.
@Suite(.serialized) struct NetworkLiarTests {
  @Test func whateverAValidatorSaysTheNetworkGoesOn() async throws {
    try await NetworkFixture.with { network in
      let liar = try await Liar(network)
      try await network.underLoad(seconds: 1)
      try await network.run("network", "stop", "node2")
      for number in ["18446744073709551615", "18446744073709551614", "9223372036854775808", "4611686018427387904"] {
        #expect(try await liar.run("refuse", number) == "peer.malformed", "\(number)")
      }
      #expect(try await liar.run("refuse", "+1048577") == "peer.malformed")
      #expect(try await network.get("\(network.urls[0])/peers").body.contains("peer.malformed"))
      // Believed, and each time a step higher, also while a node that has to follow is away.
      #expect(try await liar.run("refuse", "+5") == "opened")
      try await network.run("network", "stop", "node3")
      for _ in 0..<3 { #expect(try await liar.run("refuse", "+1048576") == "opened") }
      #expect(try await liar.run("fetch", "+5") == "peer.malformed")
      #expect(try await network.status().node("node1").restarts == 0)
      let log = try String(contentsOfFile: "\(network.home)/logs/node1.log", encoding: .utf8)
      #expect(log.contains("a peer is let go") && log.contains("peer.malformed"))
      for _ in 0..<2 {
        try await network.run("network", "start", "--wait", "240")
        try await network.underLoad(seconds: 2)
        try await network.run("network", "stop")
      }
      try await network.run("network", "start", "--wait", "240")
      try await network.nothingIsLost()
      #expect(try await network.status().nodes.allSatisfy { $0.restarts == 0 })
    }
  }
}

/// Node2, as somebody has it who holds its key.
private struct Liar {
  private let network: NetworkFixture
  private let root: String

  init(_ network: NetworkFixture) async throws {
    self.network = network
    root = "\(network.fixture.root)/liar"
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    for node in ["node1", "node2"] {
      try await network.run("node", "credentials", "--data", network.volume(node), "--output", "\(root)/\(node)")
    }
    let made = try await python(
      "-m", "grpc_tools.protoc", "-I", Checkout.path("Proto"), "--python_out", root, "--grpc_python_out", root,
      "peer.proto")
    try #require(made.status == 0, "\(made.errors)")
    try Self.peer.write(toFile: "\(root)/peer.py", atomically: true, encoding: .utf8)
  }

  /// - Returns: the code it was refused with, or `opened` when the authority opened a higher epoch.
  func run(_ words: String...) async throws -> String {
    let finished = try await python(
      ["\(root)/peer.py", root, "\(network.ports.peer)", "\(network.volume("node2"))/validator_key"] + words)
    try #require(finished.status == 0, "\(words): \(finished.errors)")
    return finished.output.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  private func python(_ words: String...) async throws -> Finished { try await python(words) }

  private func python(_ words: [String]) async throws -> Finished {
    try await Programs.run(
      "/usr/bin/timeout", ["120", "/usr/bin/python3"] + words,
      environment: ["PYTHONPATH": Checkout.path(".build-tools/grpc"), "GRPC_VERBOSITY": "NONE"])
  }

  /// Introduces itself as docs/replication.md says, refuses an epoch (`refuse N`, `refuse +N` above the one that is
  /// asked for), or promises one with a locator that begins above the head (`fetch`), and prints what comes of it.
  private static let peer = #"""
    import os, queue, struct, sys, time
    root, port, key, what, number = sys.argv[1:6]
    sys.path.insert(0, root)
    import grpc, peer_pb2 as m, peer_pb2_grpc as g
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    def read(name): return open(f"{root}/{name}", "rb").read()
    issuer = read("node1/cert.pem"); issuer = issuer[issuer.rindex(b"-----BEGIN"):]
    shown = grpc.ssl_channel_credentials(issuer, read("node2/key.pem"), read("node2/cert.pem"))
    channel = grpc.secure_channel(f"127.0.0.1:{port}", shown, [("grpc.ssl_target_name_override", "node1")])
    stub = g.PeerStub(channel)
    at = stub.Inspect(m.InspectRequest(heights=[0, 1]), timeout=30)
    genesis, first = at.blocks[0], at.blocks[1]
    position = m.Position(head=genesis, member=True, beginning=at.position.beginning,
                          promised_epoch=at.position.promised_epoch)
    out = queue.Queue()
    call = stub.Follow(iter(out.get, None), timeout=60)
    def say(**message): out.put(m.FollowerMessage(**message))
    def u64(value): return struct.pack(">Q", value)
    signer = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(open(key).read().strip()))
    done = False
    try:
        for said in call:
            if said.HasField("challenge"):
                nonce, clock = os.urandom(32), int(time.time() * 1000)
                text = (b"goud introduction v1\0" + said.challenge.nonce + at.chain
                        + struct.pack(">IH", at.schema_version, 5) + b"node2" + nonce + u64(clock) + u64(0) + u64(0)
                        + genesis.hash + u64(0) + b"\1\x10" + position.beginning + u64(position.promised_epoch))
                say(introduction=m.Introduction(node="node2", chain=at.chain, schema_version=at.schema_version,
                    position=position, nonce=nonce, locator=[genesis], clock=clock, signature=signer.sign(text)))
            elif said.HasField("heartbeat"):
                say(heartbeat=m.Heartbeat(clock=int(time.time() * 1000)))
            elif said.HasField("refusal"):
                print(said.refusal.code); break
            elif said.HasField("open_epoch") and not done:
                done, asked = True, said.open_epoch
                if what == "refuse":
                    promised = asked.epoch + int(number) if number.startswith("+") else int(number)
                    say(refusal=m.Refusal(code="peer.promised", promised_epoch=promised))
                else:
                    lie = m.Position(head=m.BlockID(height=1, epoch=asked.epoch - 1, hash=bytes(32)), member=True,
                                     beginning=position.beginning, promised_epoch=asked.epoch)
                    above = m.BlockID(height=1 << 40, epoch=first.epoch, hash=first.hash)
                    say(promise=m.Promise(epoch=asked.epoch, nonce=asked.nonce, round=asked.round, position=lie,
                        locator=[above, first, genesis]))
            elif said.HasField("open_epoch") and said.open_epoch.epoch > asked.epoch:
                print("opened"); break
    except grpc.RpcError as error:
        print("peer.malformed" if "peer.malformed" in error.details() else error.details())
    # The interpreter's own end waits for threads of grpc, which now and then do not end.
    sys.stdout.flush(); os._exit(0)
    """#
}
