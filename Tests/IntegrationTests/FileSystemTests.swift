import Foundation
import GoudCore
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// Real file systems: small ones, read-only ones, mount points. Needs root and mounts; otherwise skipped.
@Suite(.serialized) struct FileSystemTests {
  private func archive(_ fixture: Fixture, further: Int = 0) async throws -> String {
    let volume = try await fixture.makeVolume(operations: 300)
    try Data(count: further).write(to: URL(fileURLWithPath: "\(volume)/further"))
    return try await fixture.backUp("--compression", "none")
  }

  @Test func aFullDiskIsSeenBeforehand() async throws {
    try await Fixture.with { fixture in
      let archive = try await archive(fixture, further: 12 << 20)
      try await Mounts.ext4(megabytes: 8, at: "\(fixture.root)/small") { small in
        let result = try await fixture.goud("restore", archive, "--to", "\(small)/node1_data", "--yes")
        #expect(result.status == 15, "\(result.errors)")
        #expect(result.errors.contains("available"), "\(result.errors)")
        #expect(try FileSystem.names(in: small) == ["lost+found"])
      }
    }
  }

  @Test func aVolumeThatIsAMountPointIsFilled() async throws {
    try await Fixture.with { fixture in
      let archive = try await archive(fixture)
      try await Mounts.bind("\(fixture.root)/elsewhere", at: "\(fixture.root)/bound") { bound in
        let place = bound
        let result = try await fixture.goud("restore", archive, "--to", place, "--yes")
        #expect(result.status == 0, "\(result.errors)")
        #expect(try fixture.lastOperation(place) == 300)
        // What a restore keeps there is neither stored nor counted.
        try #require(try await fixture.goud("restore", archive, "--to", place, "--yes").status == 0)
        try #require(try FileSystem.names(in: place).contains { $0.hasPrefix(".goud-replaced-") })
        let again = try await fixture.goud("backup", "create", "--volume", "node1_data=\(place)")
        try #require(again.status == 0, "\(again.errors)")
        let check = try await fixture.goud("volume", "check", "node1_data=\(place)")
        #expect(check.output.contains("safety copy of a restore: \(place)/.goud-replaced-"), "\(check.output)")
        let back = try await fixture.goud("restore", "--rollback", place, "--yes")
        #expect(back.status == 0, "\(back.errors)")
        // Below it is well.
        #expect(try await fixture.goud("restore", archive, "--to", "\(place)/below", "--yes").status == 0)
      }
    }
  }

  @Test func aDirectoryWithoutWritePermissionIsRefused() async throws {
    try await Fixture.with { fixture in
      let archive = try await archive(fixture)
      try await Mounts.bind("\(fixture.root)/elsewhere", at: "\(fixture.root)/bound", readOnly: true) { bound in
        let result = try await fixture.goud("restore", archive, "--to", "\(bound)/x", "--yes", "--format", "json")
        #expect(result.status == 1 && result.errors.contains("io.permission-denied"), "\(result.errors)")
      }
    }
  }
}
