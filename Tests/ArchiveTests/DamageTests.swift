import Archive
import Foundation
import GoudCore
import TestSupport
import Testing

/// Whatever happens to an archive's bytes is found.
@Suite struct DamageTests {
  private func verify(_ bytes: [UInt8], at path: String, allowUnverified: Bool = false) throws -> ArchiveReport {
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    var options = ArchiveReadOptions()
    options.threads = 1
    options.allowUnverified = allowUnverified
    return try ArchiveVerifier.verify(path: path, options: options)
  }

  @Test(arguments: Compression.allCases)
  func anArchiveCutAtAnyByteIsFound(_ compression: Compression) throws {
    try inTemporaryDirectory { scratch in
      let path = try Sample.write(in: scratch, compression: compression).path
      let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
      let step = compression == .none ? 7 : 1
      for size in stride(from: 0, to: whole.count, by: step) {
        let error = #expect(throws: GoudError.self, "cut at \(size)") { try verify(Array(whole[..<size]), at: path) }
        #expect(error?.code.exitStatus == .corrupt, "cut at \(size): \(error?.code.rawValue ?? "")")
      }
    }
  }

  @Test(arguments: Compression.allCases)
  func anyBitFlippedInAnyByteIsFound(_ compression: Compression) throws {
    try inTemporaryDirectory { scratch in
      let path = try Sample.write(in: scratch, compression: compression).path
      var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
      let step = compression == .none ? 5 : 1
      for offset in stride(from: 0, to: bytes.count, by: step) {
        let bit: UInt8 = 1 << (offset % 8)
        bytes[offset] ^= bit
        #expect(throws: GoudError.self, "bit \(bit) of byte \(offset)") { try verify(bytes, at: path) }
        bytes[offset] ^= bit
      }
    }
  }

  @Test func anyBitFlippedInTheChecksumFileIsFound() throws {
    try inTemporaryDirectory { scratch in
      let path = try Sample.write(in: scratch).path
      let sidecar = URL(fileURLWithPath: "\(path).sha256")
      var bytes = [UInt8](try Data(contentsOf: sidecar))
      for offset in bytes.indices {
        for bit in 0..<8 {
          bytes[offset] ^= 1 << bit
          try Data(bytes).write(to: sidecar)
          #expect(throws: GoudError.self, "bit \(bit) of byte \(offset)") {
            try ArchiveVerifier.verify(path: path, options: ArchiveReadOptions())
          }
          bytes[offset] ^= 1 << bit
        }
      }
    }
  }

  @Test func withoutTheChecksumFileVerificationIsRefusedUnlessInsistedOn() throws {
    try inTemporaryDirectory { scratch in
      let path = try Sample.write(in: scratch).path
      try FileManager.default.removeItem(atPath: "\(path).sha256")
      let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
      #expect((#expect(throws: GoudError.self) { try verify(bytes, at: path) })?.code == .archiveChecksumMissing)
      #expect(try verify(bytes, at: path, allowUnverified: true).checksummed == false)
    }
  }

  @Test func whatFollowsTheEndIsFound() throws {
    try inTemporaryDirectory { scratch in
      let path = try Sample.write(in: scratch).path
      let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
      #expect(throws: GoudError.self) { try verify(bytes + [0], at: path) }
      #expect(throws: GoudError.self) { try verify(bytes + bytes, at: path) }
    }
  }

  @Test(arguments: [[], [0], Array("not an archive at all".utf8), [0x1f, 0x8b], [0x28, 0xb5, 0x2f, 0xfd]])
  func whatIsNoArchiveIsRefused(_ bytes: [UInt8]) throws {
    try inTemporaryDirectory { scratch in
      let error = #expect(throws: GoudError.self) {
        try verify(bytes, at: "\(scratch)/x.tar.gz", allowUnverified: true)
      }
      #expect(error?.code.exitStatus == .corrupt || error?.code == .archiveUnsupported)
    }
  }

  /// Mutations of small archives, without checksums to hide behind: the reader may refuse, never crash, hang, or write
  /// outside its directory. `GOUD_FUZZ_SECONDS` (default 3), `GOUD_FUZZ_SEED` (default: the clock; printed).
  @Test(arguments: Compression.allCases)
  func mutatedArchivesNeverCrashTheReader(_ compression: Compression) throws {
    let environment = ProcessInfo.processInfo.environment
    let seed = UInt64(environment["GOUD_FUZZ_SEED"] ?? "") ?? UInt64(Date().timeIntervalSince1970)
    let seconds = Double(environment["GOUD_FUZZ_SECONDS"] ?? "") ?? 3
    print("fuzz: \(compression) with GOUD_FUZZ_SEED=\(seed)")
    try inTemporaryDirectory { scratch in
      let path = try Sample.write(in: scratch, compression: compression).path
      let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
      let target = "\(scratch)/mutant.tar"
      var state = seed
      func random(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % max(1, bound)
      }
      var options = ArchiveReadOptions()
      options.allowUnverified = true
      options.threads = 2
      options.unpackLimit = 1 << 20
      let deadline = ContinuousClock.now + .seconds(seconds)
      while ContinuousClock.now < deadline {
        var mutant = whole
        for _ in 0..<(1 + random(8)) {
          switch random(4) {
          case 0: mutant[random(mutant.count)] = UInt8(random(256))
          case 1: mutant[random(mutant.count)] ^= 1 << random(8)
          case 2: mutant.removeSubrange(random(mutant.count)..<mutant.count)
          default: mutant.insert(contentsOf: mutant.prefix(random(600)), at: random(mutant.count))
          }
          if mutant.isEmpty { mutant = [0] }
        }
        try Data(mutant).write(to: URL(fileURLWithPath: target))
        do { _ = try Sample.extract(target, to: "\(scratch)/out", options: options) } catch is GoudError {}
        try? FileManager.default.removeItem(atPath: "\(scratch)/out")
      }
      #expect(
        Set(try FileSystem.names(in: scratch)).isSubset(of: [
          "mutant.tar", FileSystem.name(of: path), "\(FileSystem.name(of: path)).sha256",
        ]))
    }
  }
}
