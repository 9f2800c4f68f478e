import Foundation
import GoudCore
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// Memory does not grow with the volume.
@Suite struct MemoryTests {
  /// Runs goud and returns its largest resident size in bytes.
  private func peak(_ fixture: Fixture, _ arguments: [String]) async throws -> ByteCount {
    let script = """
      import resource, subprocess, sys
      done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
      print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
      sys.exit(done.returncode)
      """
    let finished = try await Programs.run(
      "python3", ["-c", script, Programs.built("goud")] + arguments,
      environment: ["GOUD_HOME": fixture.home, "BACKUP_DIR": fixture.backups])
    try #require(finished.status == 0, "\(finished.errors)")
    return ByteCount(try #require(Int64(finished.output.trimmingCharacters(in: .whitespacesAndNewlines))) << 10)
  }

  /// A file of 512 MiB of zeros, written: a hole takes nothing.
  @Test func aVolumeFourTimesTheBoundIsStoredAndRestored() async throws {
    try await Fixture.with { fixture in
      let volume = try await fixture.makeVolume()
      let large = "\(volume)/large"
      try #require(FileManager.default.createFile(atPath: large, contents: nil))
      let file = try Descriptor.open(large, O_WRONLY)
      for _ in 0..<512 { try file.write([UInt8](repeating: 0, count: 1 << 20)) }
      let bound = ByteCount(128 << 20)
      #expect(try await peak(fixture, ["backup", "create"]) < bound)
      let archive = try #require(
        try FileSystem.names(in: fixture.backups).first { $0.hasSuffix(".tar.gz") && !$0.hasPrefix(".") })
      #expect(try #require(try FileSystem.status("\(fixture.backups)/\(archive)")).st_size < 16 << 20)
      let copy = "\(fixture.root)/copy"
      #expect(
        try await peak(fixture, ["restore", "\(fixture.backups)/\(archive)", "--to", copy, "--yes"]) < bound)
      #expect(try FileSystem.status("\(copy)/large")?.st_size == 512 << 20)
    }
  }
}
