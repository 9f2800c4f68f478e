import GoudCore
import TestSupport
import Testing

@testable import VolumeSnapshot

#if canImport(Glibc)
  import Glibc
#endif

@Suite struct DescriptorLimitTests {
  @Test func theFilesOfAllDatabasesOfAVolumeCount() throws {
    try inTemporaryDirectory { scratch in
      let volume = try SmallVolume(scratch, databases: ["a", "b/c/d/e/f"])
      for number in 100..<150 { try volume.write("a/000\(number).sst") }
      // 50, and of each database a table and a log with its copy.
      #expect(try VolumeContents(of: volume.path).heldFiles == 56)
    }
  }

  @Test func theNumberThatIsNeededIsNamed() throws {
    let limit = DescriptorLimit.raise()
    let error = #expect(throws: GoudError.self) { try DescriptorLimit.require(limit, for: "/volume") }
    #expect(error?.code == .ioDescriptors)
    #expect(error?.hint?.contains(error?.context["needed"] ?? "none") == true)
  }

  @Test func whatIsOpenAlreadyIsSeen() throws {
    let files = try (0..<300).map { _ in try Descriptor.open("/dev/null", O_RDONLY) }
    #expect(try withExtendedLifetime(files) { try DescriptorLimit.open() } > 300)
  }
}
