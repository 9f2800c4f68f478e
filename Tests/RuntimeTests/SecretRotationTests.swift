import Foundation
import GoudCore
import Layout
import TestSupport
import Testing

@testable import Runtime

@Suite struct SecretRotationTests {
  private let nodes = ["node1", "node2", "node3"]

  private func with(_ body: (NetworkHome) throws -> Void) throws {
    try inTemporaryDirectory { root in
      let home = NetworkHome("\(root)/local")
      for node in nodes {
        try FileManager.default.createDirectory(atPath: home.volume(node), withIntermediateDirectories: true)
      }
      try body(home)
    }
  }

  private func put(_ secret: String, _ name: String, of node: String, _ home: NetworkHome) throws {
    try AtomicFile.write(Array("\(secret)\n".utf8), to: "\(home.volume(node))/\(name)")
  }

  private func text(_ name: String, of node: String, _ home: NetworkHome) throws -> String {
    try String(contentsOfFile: "\(home.volume(node))/\(name)", encoding: .utf8)
  }

  @Test func nodesThatSharedASecretShareTheNewOne() throws {
    try with { home in
      let old = String(repeating: "a", count: 64)
      for node in nodes {
        try put(node == "node3" ? String(repeating: "b", count: 64) : old, "jwt_secret", of: node, home)
      }
      let rotated = try SecretRotation(home, nodes: nodes).run()
      #expect(rotated == nodes.map { .init(node: $0, secret: "jwt_secret") }, "none has a session_secret")
      let new = try nodes.map { try text("jwt_secret", of: $0, home) }
      #expect(new[0] == new[1] && new[0] != new[2] && !new.contains("\(old)\n"))
      for text in new { #expect(text.utf8.count == 65 && Hex.bytes(text.dropLast()) != nil) }
      for node in nodes {
        #expect(try FileSystem.names(in: home.volume(node)) == ["jwt_secret"])
        #expect(try FileSystem.status("\(home.volume(node))/jwt_secret")?.st_mode == 0o100600)
      }
    }
  }

  @Test func theRegistrationTokenIsReplacedWhereThereIsOne() throws {
    try with { home in
      var rotation = SecretRotation(home, nodes: nodes)
      rotation.registrationToken = true
      #expect(try rotation.run().isEmpty)
      #expect(try FileSystem.status(home.registrationToken) == nil, "none is made")
      let old = Array(String(repeating: "d", count: 64).utf8)
      try AtomicFile.write(old, to: home.registrationToken)
      #expect(try rotation.run() == [.init(node: nil, secret: "registration_token")])
      let new = try Descriptor.open(home.registrationToken, O_RDONLY).readAll()
      #expect(new != old && new.count == 65)
      rotation.registrationToken = false
      #expect(try rotation.run().isEmpty)
    }
  }

  @Test func allShareWhenAskedTo() throws {
    try with { home in
      var rotation = SecretRotation(home, nodes: nodes)
      rotation.shared = true
      #expect(try rotation.run().count == 6)
      for name in ["jwt_secret", "session_secret"] {
        let texts = try nodes.map { try text(name, of: $0, home) }
        #expect(Set(texts).count == 1)
      }
      #expect(try text("jwt_secret", of: "node1", home) != text("session_secret", of: "node1", home))
    }
  }

  @Test func whatANodeCannotHaveWrittenIsNotFollowed() throws {
    try with { home in
      let outside = "\(home.path)/outside"
      try AtomicFile.write(Array(String(repeating: "c", count: 64).utf8), to: outside)
      try FileManager.default.createSymbolicLink(
        atPath: "\(home.volume("node1"))/jwt_secret", withDestinationPath: outside)
      #expect {
        _ = try SecretRotation(home, nodes: nodes).run()
      } throws: {
        ($0 as? GoudError)?.code == .secretInvalid
      }
      #expect(try String(contentsOfFile: outside, encoding: .utf8) == String(repeating: "c", count: 64))
    }
  }

  @Test func aVolumeBelongsToItsUserAfterwards() throws {
    guard geteuid() == 0 else { return }
    try with { home in
      try put(String(repeating: "a", count: 64), "session_secret", of: "node2", home)
      try #require(chown(home.volume("node2"), 10001, 10001) == 0)
      _ = try SecretRotation(home, nodes: nodes).run()
      let status = try #require(try FileSystem.status("\(home.volume("node2"))/session_secret"))
      #expect(status.st_uid == 10001 && status.st_gid == 10001)
    }
  }
}
