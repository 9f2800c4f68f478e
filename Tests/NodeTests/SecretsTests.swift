import Crypto
import Foundation
import GoudCore
import TestSupport
import Testing

@testable import Node

@Suite struct SecretsTests {
  private let long = String(repeating: "s", count: 32)

  private func code(_ body: () throws -> Void) -> ErrorCode? {
    do {
      try body()
      return nil
    } catch {
      return (error as? GoudError)?.code
    }
  }

  private func write(_ text: String, _ path: String, mode: Int = 0o600) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
  }

  @Test func secretsAreCreatedOnceForTheirOwnerAlone() throws {
    try inTemporaryDirectory { volume in
      let first = try NodeSecrets(volume: volume, environment: [:])
      let second = try NodeSecrets(volume: volume, environment: [:])
      #expect(first.tokens == second.tokens && first.sealing == second.sealing)
      for name in ["jwt_secret", "session_secret"] {
        let text = try String(contentsOfFile: "\(volume)/\(name)", encoding: .utf8)
        #expect(text.utf8.count == 65 && text.hasSuffix("\n") && Hex.bytes(text.dropLast())?.count == 32)
        let attributes = try FileManager.default.attributesOfItem(atPath: "\(volume)/\(name)")
        #expect(attributes[.posixPermissions] as? Int == 0o600)
      }
      #expect(try FileSystem.names(in: volume).sorted() == ["jwt_secret", "session_secret"])
    }
  }

  @Test func twoVolumesShareNothing() throws {
    try inTemporaryDirectory { one in
      try inTemporaryDirectory { two in
        let a = try NodeSecrets(volume: one, environment: [:])
        let b = try NodeSecrets(volume: two, environment: [:])
        #expect(a.tokens != b.tokens && a.sealing != b.sealing)
      }
    }
  }

  @Test func theEnvironmentReplacesTheFilesWithoutTouchingThem() throws {
    try inTemporaryDirectory { volume in
      let secrets = try NodeSecrets(volume: volume, environment: ["JWT_SECRET": long, "SESSION_SECRET": long])
      #expect(secrets.tokens == SymmetricKey(data: Array(long.utf8)))
      #expect(secrets.sealing != secrets.tokens)
      #expect(try FileSystem.names(in: volume).isEmpty)
    }
  }

  @Test func anEmptyVariableCountsAsNotSet() throws {
    try inTemporaryDirectory { volume in
      _ = try NodeSecrets(volume: volume, environment: ["JWT_SECRET": "", "SESSION_SECRET": ""])
      #expect(try FileSystem.names(in: volume).count == 2)
    }
  }

  @Test(arguments: ["JWT_SECRET", "SESSION_SECRET"]) func aShortVariableIsRefused(_ name: String) throws {
    try inTemporaryDirectory { volume in
      let environment = [name: String(long.dropLast())]
      #expect(code { _ = try NodeSecrets(volume: volume, environment: environment) } == .configInvalid)
    }
  }

  @Test(arguments: [0o640, 0o604, 0o620, 0o602, 0o644]) func aFileThatOthersMayTouchIsRefused(_ mode: Int) throws {
    try inTemporaryDirectory { volume in
      try write(long, "\(volume)/session_secret", mode: mode)
      #expect(code { _ = try NodeSecrets(volume: volume, environment: [:]) } == .secretInvalid)
    }
  }

  @Test(arguments: ["", "\n", "short", "0123456789abcdef0123456789abcde\r\n"])
  func aShortFileIsRefused(_ text: String) throws {
    try inTemporaryDirectory { volume in
      try write(text, "\(volume)/jwt_secret")
      #expect(code { _ = try NodeSecrets(volume: volume, environment: [:]) } == .secretInvalid)
      #expect(try String(contentsOfFile: "\(volume)/jwt_secret", encoding: .utf8) == text)
    }
  }

  @Test func whatIsNoFileIsRefused() throws {
    try inTemporaryDirectory { volume in
      try write(long, "\(volume)/elsewhere")
      try FileManager.default.createSymbolicLink(
        atPath: "\(volume)/jwt_secret", withDestinationPath: "\(volume)/elsewhere")
      #expect(code { _ = try NodeSecrets(volume: volume, environment: [:]) } == .secretInvalid)
      try FileManager.default.removeItem(atPath: "\(volume)/jwt_secret")
      try FileManager.default.createDirectory(atPath: "\(volume)/jwt_secret", withIntermediateDirectories: false)
      #expect(code { _ = try NodeSecrets(volume: volume, environment: [:]) } == .secretInvalid)
      try FileManager.default.removeItem(atPath: "\(volume)/jwt_secret")
      #expect(mkfifo("\(volume)/jwt_secret", 0o600) == 0)
      #expect(code { _ = try NodeSecrets(volume: volume, environment: [:]) } == .secretInvalid)
    }
  }

  @Test func noMessageShowsASecret() throws {
    try inTemporaryDirectory { volume in
      try write("hunter2hunter2", "\(volume)/jwt_secret")
      do {
        _ = try NodeSecrets(volume: volume, environment: [:])
        Issue.record("a short secret was taken")
      } catch {
        #expect(!"\(error)".contains("hunter2"))
      }
    }
  }

  @Test func aMissingVolumeIsAnError() {
    #expect(code { _ = try NodeSecrets(volume: "/nonexistent/volume", environment: [:]) } == .ioFailed)
  }
}
