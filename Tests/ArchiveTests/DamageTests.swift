import Archive
import Foundation
import GoudCore
import TestSupport
import Testing

/// Whatever happens to an archive's bytes is found.
@Suite struct DamageTests {
  /// What verifying an archive of these bytes at `path` throws; nil when it is found whole.
  private static func fault(
    _ bytes: [UInt8], at path: String, allowUnverified: Bool = false, threads: Int = 1
  ) throws -> GoudError? {
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    var options = ArchiveReadOptions()
    options.threads = threads
    options.allowUnverified = allowUnverified
    do {
      _ = try ArchiveVerifier.verify(path: path, options: options)
      return nil
    } catch let error as GoudError {
      return error
    }
  }

  private static func bytes(_ path: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
  }

  /// Writes an archive in a directory of its own and runs `body` with it, away from the threads that tests share.
  private func withArchive<Result: Sendable>(
    _ volumes: [ArchiveVolume] = [Sample.volume], _ compression: Compression = .gzip,
    _ body: @escaping @Sendable (_ path: String, _ whole: [UInt8]) throws -> Result
  ) async throws -> Result {
    try await onThread {
      try inTemporaryDirectory { scratch in
        let path = try Sample.write(volumes, in: scratch, compression: compression).path
        return try body(path, try Self.bytes(path))
      }
    }
  }

  @Test(arguments: Compression.allCases)
  func anArchiveCutAtAnyByteIsFound(_ compression: Compression) async throws {
    let missed = try await withArchive([Sample.volume], compression) { path, whole in
      try stride(from: 0, to: whole.count, by: compression == .none ? 7 : 1).filter {
        try Self.fault(Array(whole[..<$0]), at: path)?.code.exitStatus != .corrupt
      }
    }
    #expect(missed.isEmpty)
  }

  /// The checksums inside alone must find it: the one beside the archive is missing.
  @Test(arguments: Compression.allCases)
  func anArchiveCutAtAnyByteIsFoundWithoutItsChecksum(_ compression: Compression) async throws {
    let missed = try await withArchive([Sample.volume], compression) { path, whole in
      try FileManager.default.removeItem(atPath: "\(path).sha256")
      return try stride(from: 0, to: whole.count, by: compression == .none ? 31 : 3).filter {
        try Self.fault(Array(whole[..<$0]), at: path, allowUnverified: true)?.code.exitStatus != .corrupt
      }
    }
    #expect(missed.isEmpty)
  }

  @Test(arguments: Compression.allCases)
  func anyBitFlippedInAnyByteIsFound(_ compression: Compression) async throws {
    let missed = try await withArchive([Sample.volume], compression) { path, whole in
      try stride(from: 0, to: whole.count, by: compression == .none ? 5 : 1).filter { offset in
        var bytes = whole
        bytes[offset] ^= 1 << (offset % 8)
        return try Self.fault(bytes, at: path) == nil
      }
    }
    #expect(missed.isEmpty)
  }

  /// Several blocks, unpacked by several threads.
  @Test(arguments: Compression.allCases)
  func anyBitFlippedInALargeArchiveIsFound(_ compression: Compression) async throws {
    let missed = try await withArchive([Sample.large], compression) { path, whole in
      try stride(from: 0, to: whole.count, by: max(1, whole.count / 300)).filter { offset in
        var bytes = whole
        bytes[offset] ^= 1 << (offset % 8)
        return try Self.fault(bytes, at: path, threads: 2) == nil
      }
    }
    #expect(missed.isEmpty)
  }

  @Test func anyBitFlippedInTheChecksumFileIsFound() async throws {
    let missed = try await withArchive { path, whole in
      let sidecar = URL(fileURLWithPath: "\(path).sha256")
      let bytes = try Self.bytes(sidecar.path)
      return try (0..<bytes.count * 8).filter { bit in
        var bytes = bytes
        bytes[bit / 8] ^= 1 << (bit % 8)
        try Data(bytes).write(to: sidecar)
        return try Self.fault(whole, at: path) == nil
      }
    }
    #expect(missed.isEmpty)
  }

  @Test func withoutTheChecksumFileVerificationIsRefusedUnlessInsistedOn() throws {
    try inTemporaryDirectory { scratch in
      let path = try Sample.write(in: scratch).path
      try FileManager.default.removeItem(atPath: "\(path).sha256")
      let bytes = try Self.bytes(path)
      #expect(try Self.fault(bytes, at: path)?.code == .archiveChecksumMissing)
      #expect(try Self.fault(bytes, at: path, allowUnverified: true) == nil)
      var options = ArchiveReadOptions()
      options.allowUnverified = true
      #expect(try ArchiveVerifier.verify(path: path, options: options).checksummed == false)
    }
  }

  /// What is there is compared even then.
  @Test func insistingDoesNotPassOverAChecksumThatDiffers() throws {
    try inTemporaryDirectory { scratch in
      let path = try Sample.write(in: scratch).path
      let other = String(repeating: "0", count: 64)
      try Data("\(other)  \(FileSystem.name(of: path))\n".utf8).write(to: URL(fileURLWithPath: "\(path).sha256"))
      let error = try Self.fault(try Self.bytes(path), at: path, allowUnverified: true)
      #expect(error?.code == .archiveChecksumMismatch)
    }
  }

  @Test func whatFollowsTheEndIsFound() throws {
    try inTemporaryDirectory { scratch in
      let path = try Sample.write(in: scratch).path
      let bytes = try Self.bytes(path)
      try FileManager.default.removeItem(atPath: "\(path).sha256")
      for more in [[0], bytes, Array("text".utf8)] {
        #expect(try Self.fault(bytes + more, at: path, allowUnverified: true)?.code == .archiveCorrupt)
      }
    }
  }

  @Test(arguments: [[], [0], Array("not an archive at all".utf8), [0x1f, 0x8b], [0x28, 0xb5, 0x2f, 0xfd]])
  func whatIsNoArchiveIsRefused(_ bytes: [UInt8]) throws {
    try inTemporaryDirectory { scratch in
      let error = try Self.fault(bytes, at: "\(scratch)/x.tar.gz", allowUnverified: true)
      #expect(error?.code.exitStatus == .corrupt || error?.code == .archiveUnsupported)
    }
  }
}
