import Archive
import Foundation
import GoudCore
import TestSupport
import Testing

/// Mutations of small archives, without checksums to hide behind: the reader may refuse, never crash, hang, or write
/// outside its directory. `GOUD_FUZZ_SECONDS` (default 5), `GOUD_FUZZ_SEED` (default: the clock; printed).
@Suite struct FuzzTests {
  @Test(arguments: Compression.allCases, [1, 2, 5])
  func mutatedArchivesNeverCrashTheReader(_ compression: Compression, sample blocks: Int) async throws {
    let volume = [1: Sample.volume, 2: Sample.second][blocks] ?? Sample.large
    let environment = ProcessInfo.processInfo.environment
    let seed = UInt64(environment["GOUD_FUZZ_SEED"] ?? "") ?? UInt64(Date().timeIntervalSince1970)
    let seconds = Double(environment["GOUD_FUZZ_SECONDS"] ?? "") ?? 5
    print("fuzz: \(compression), \(blocks) blocks, with GOUD_FUZZ_SEED=\(seed)")
    let names = try await onThread {
      try inTemporaryDirectory { scratch in
        let path = try Sample.write([volume], in: scratch, compression: compression).path
        var mutator = Mutator(whole: [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))), state: seed)
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.removeItem(atPath: "\(path).sha256")
        let deadline = ContinuousClock.now + .seconds(seconds / 2)
        while ContinuousClock.now < deadline { try Self.read(mutator.next(), in: scratch) }
        return try FileSystem.names(in: scratch)
      }
    }
    #expect(Set(names).isSubset(of: ["mutant.tar"]))
  }

  private static func read(_ mutant: [UInt8], in scratch: String) throws {
    var options = ArchiveReadOptions()
    options.allowUnverified = true
    options.threads = 2
    options.unpackLimit = 8 << 20
    options.restorePrivileges = true
    try Data(mutant).write(to: URL(fileURLWithPath: "\(scratch)/mutant.tar"))
    do {
      _ = try Sample.extract("\(scratch)/mutant.tar", to: "\(scratch)/out", options: options)
    } catch is GoudError {}
    try? FileManager.default.removeItem(atPath: "\(scratch)/out")
  }
}

/// One to eight changes to a valid archive: bytes, bits, cuts, and pieces that come twice. In every other plain tar the
/// headers' checksums are put right afterwards, to come past libarchive's first look.
private struct Mutator {
  let whole: [UInt8]
  var state: UInt64

  mutating func next() -> [UInt8] {
    var mutant = whole
    for _ in 0..<(1 + random(8)) {
      switch random(8) {
      case 0: mutant.removeSubrange(random(mutant.count)..<mutant.count)
      case 1, 2: mutant.insert(contentsOf: mutant.prefix(random(600)), at: random(mutant.count))
      case 3, 4: mutant[random(mutant.count)] = UInt8(random(256))
      default: mutant[random(mutant.count)] ^= 1 << random(8)
      }
      if mutant.isEmpty { mutant = [0] }
    }
    if random(2) == 0 { Self.repairHeaders(&mutant) }
    return mutant
  }

  private static func repairHeaders(_ tar: inout [UInt8]) {
    for start in stride(from: 0, to: tar.count - 511, by: 512)
    where tar[(start + 257)..<(start + 262)].elementsEqual("ustar".utf8) {
      let field = (start + 148)..<(start + 156)
      let sum = tar[start..<(start + 512)].enumerated().reduce(0) {
        $0 + (field.contains(start + $1.offset) ? 32 : Int($1.element))
      }
      let digits = String(sum, radix: 8)
      tar.replaceSubrange(field, with: Array((String(repeating: "0", count: 6 - digits.count) + digits + "\0 ").utf8))
    }
  }

  private mutating func random(_ bound: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int(state >> 33) % max(1, bound)
  }
}
