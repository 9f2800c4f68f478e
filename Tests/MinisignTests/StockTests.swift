import Foundation
import GoudCore
import Minisign
import TestSupport
import Testing

/// Goud's signatures and stock minisign's, each checked by the other.
@Suite struct StockTests {
  private let content = Array("0f5d  goud-chain-backup-local-20261130-075417.tar.gz\n".utf8)

  /// A pair of keys of `minisign -G`, in `directory`.
  private func pair(_ directory: String, _ name: String, password: String? = nil) async throws -> (
    secret: String, open: String
  ) {
    let (secret, open) = ("\(directory)/\(name).key", "\(directory)/\(name).pub")
    let protection = password == nil ? "-W" : ""
    let script = "printf '%s\\n%s\\n' \"$4\" \"$4\" | minisign -G -f $1 -s \"$2\" -p \"$3\""
    let made = try await Programs.run("sh", ["-c", script, "sh", protection, secret, open, password ?? ""])
    try #require(made.status == 0, "\(made.output) \(made.errors)")
    return (secret, open)
  }

  private func write(_ bytes: [UInt8], _ path: String) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: path))
  }

  @Test func stockMinisignVerifiesWhatGoudSigns() async throws {
    try await withTemporaryDirectory { root in
      let (secret, open) = try await pair(root, "own")
      let key = try SigningKey(path: secret) { throw CancellationError() }
      #expect(try VerifyingKey(open) == key.verifier)
      #expect(try String(contentsOfFile: open, encoding: .utf8) == key.verifier.fileText)
      try write(content, "\(root)/x")
      try write(key.sign(content, comment: "chain:ab environment:local").file, "\(root)/x.minisig")
      for named in [["-p", open], ["-P", key.verifier.base64]] {
        let checked = try await Programs.run("minisign", ["-V", "-m", "x"] + named, in: root)
        #expect(checked.status == 0 && checked.output.contains("chain:ab environment:local"), "\(checked.errors)")
      }
      try write(content + [10], "\(root)/x")
      #expect(try await Programs.run("minisign", ["-V", "-m", "x", "-p", open], in: root).status != 0)
    }
  }

  /// A leading zero, as one key in sixteen has it, is not written.
  @Test func anIdIsANumberAsMinisignWritesIt() throws {
    let key = try #require(VerifyingKey(base64: "RWSWpsJ6AZzLDFhmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZm"))
    #expect("\(key.id)" == "CCB9C017AC2A696")
  }

  @Test(arguments: ["-l", "-H"]) func goudVerifiesWhatStockMinisignSigns(_ format: String) async throws {
    try await withTemporaryDirectory { root in
      let (secret, open) = try await pair(root, "own")
      let (_, other) = try await pair(root, "other")
      try write(content, "\(root)/x")
      let signed = try await Programs.run(
        "minisign", ["-S", format, "-m", "x", "-s", secret, "-t", "environment:local"], in: root)
      try #require(signed.status == 0, "\(signed.errors)")
      let file = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(root)/x.minisig")))
      let signature = try #require(Signature(file: file))
      #expect(signature.comment(of: content, by: try VerifyingKey(open)) == "environment:local")
      #expect(signature.comment(of: content + [10], by: try VerifyingKey(open)) == nil)
      #expect(signature.comment(of: content, by: try VerifyingKey(other)) == nil)
    }
  }

  @Test func aKeyWithAPasswordOpensWithThatPasswordAlone() async throws {
    try await withTemporaryDirectory { root in
      let (secret, open) = try await pair(root, "own", password: "correct horse")
      let key = try SigningKey(path: secret) { Array("correct horse".utf8) }
      #expect(key.verifier == (try VerifyingKey(open)))
      #expect {
        _ = try SigningKey(path: secret) { Array("correct house".utf8) }
      } throws: {
        ($0 as? GoudError)?.code == .signingKeyInvalid && "\($0)".contains("password")
      }
    }
  }

  @Test func aValidatorKeySignsUnderAnIdOfItsOwn() async throws {
    try await withTemporaryDirectory { root in
      let path = "\(root)/validator_key"
      try write(Array((String(repeating: "07", count: 32) + "\n").utf8), path)
      let key = try SigningKey(path: path) { throw CancellationError() }
      let script = """
        import base64, hashlib, sys
        raw = base64.b64decode(sys.argv[1])[10:]
        digest = hashlib.sha256(b"goud minisign key id v1\\0" + raw).digest()
        print("%X" % int.from_bytes(digest[:8], "little"))
        """
      let digest = try await Programs.run("python3", ["-c", script, key.verifier.base64])
      #expect("\(key.verifier.id)\n" == digest.output, "\(digest.errors)")
      try write(content, "\(root)/x")
      try write(key.sign(content, comment: "").file, "\(root)/x.minisig")
      let checked = try await Programs.run("minisign", ["-V", "-m", "x", "-P", key.verifier.base64], in: root)
      #expect(checked.status == 0, "\(checked.errors)")
    }
  }
}
