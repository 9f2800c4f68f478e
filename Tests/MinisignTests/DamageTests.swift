import Foundation
import GoudCore
import Minisign
import TestSupport
import Testing

/// Files that were cut, garbled or made up.
@Suite struct DamageTests {
  private let content = Array("0f5d  goud-chain-backup-local-20261130-075417.tar.gz\n".utf8)

  private func key(_ root: String) throws -> SigningKey {
    let path = "\(root)/validator_key"
    try Data((String(repeating: "3a", count: 32) + "\n").utf8).write(to: URL(fileURLWithPath: path))
    return try SigningKey(path: path) { throw CancellationError() }
  }

  /// Every bit of every byte but those of the comment that is not signed.
  @Test func noBitOfWhatCountsCanBeTurned() async throws {
    try await withTemporaryDirectory { root in
      let key = try key(root)
      let file = key.sign(content, comment: "chain:ab environment:local").file
      let free = "untrusted comment: ".utf8.count..<file.firstIndex(of: 10)!
      try #require(Signature(file: file)?.comment(of: content, by: key.verifier) != nil)
      for index in file.indices where !free.contains(index) {
        for bit in 0..<8 {
          var damaged = file
          damaged[index] ^= 1 << bit
          // A line feed at the end may be missing, and is all that may: what stands in its place is part of the last line.
          #expect(
            Signature(file: damaged)?.comment(of: content, by: key.verifier) == nil, "byte \(index), bit \(bit)")
        }
      }
      for index in free {
        var damaged = file
        damaged[index] ^= 1
        #expect(Signature(file: damaged)?.comment(of: content, by: key.verifier) != nil, "byte \(index)")
      }
    }
  }

  @Test func whatIsCutOrGrownIsNoSignature() async throws {
    try await withTemporaryDirectory { root in
      let key = try key(root)
      let file = key.sign(content, comment: "chain:ab").file
      for count in 0..<file.count - 1 { #expect(Signature(file: Array(file[..<count])) == nil, "\(count)") }
      for more in [[10], [32], Array("x\n".utf8), file] { #expect(Signature(file: file + more) == nil) }
      #expect(Signature(file: [UInt8](repeating: 10, count: 1 << 20)) == nil)
      let long = key.sign(content, comment: String(repeating: "x", count: 1 << 15)).file
      #expect(Signature(file: long) == nil)
    }
  }

  @Test(arguments: [
    "", "\n", "RWQ", "nonsense", "untrusted comment: x\n", "untrusted comment: x\nRWQ=\n",
    String(repeating: "0", count: 64),
    // A point of small order: anybody can sign for it.
    "RWQBAQEBAQEBAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
  ])
  func whatIsNoKeyIsTakenForNone(_ text: String) async throws {
    try await withTemporaryDirectory { root in
      #expect(VerifyingKey(fileText: text) == nil)
      let path = "\(root)/key"
      try Data(text.utf8).write(to: URL(fileURLWithPath: path))
      for read in [{ _ = try VerifyingKey(path) }, { _ = try SigningKey(path: path) { [] } }] {
        guard text.count != 64 else { continue }
        #expect {
          try read()
        } throws: {
          ($0 as? GoudError)?.code == .signingKeyInvalid && !"\($0)".contains("RWQB")
        }
      }
    }
  }

  /// A file that asks scrypt for more than minisign ever does.
  @Test func aKeyFileThatAsksForAllMemoryIsRefused() async throws {
    try await withTemporaryDirectory { root in
      var bytes = Array("EdScB2".utf8) + [UInt8](repeating: 1, count: 152)
      for index in 38..<54 { bytes[index] = 0xff }
      let text = "untrusted comment: x\n\(Data(bytes).base64EncodedString())\n"
      try Data(text.utf8).write(to: URL(fileURLWithPath: "\(root)/key"))
      #expect {
        _ = try SigningKey(path: "\(root)/key") { Array("x".utf8) }
      } throws: {
        ($0 as? GoudError)?.code == .signingKeyInvalid
      }
    }
  }
}
