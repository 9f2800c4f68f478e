import GoudCore
import Testing

@testable import Volumes

@Suite struct MountTableTests {
  private let table = MountTable(
    """
    22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
    30 22 0:25 / /run rw,nosuid - tmpfs tmpfs rw,size=10%
    41 22 8:16 / /srv/goud rw,relatime shared:7 master:2 - xfs /dev/sdb rw
    42 22 8:32 /sub /srv/with\\040blank rw - ext4 /dev/sdc rw
    43 22 0:40 / /run rw - overlay overlay rw
    nonsense
    """)

  @Test(arguments: [
    ("/", "8:1", "ext4"), ("/srv", "8:1", "ext4"), ("/srv/goud", "8:16", "xfs"),
    ("/srv/goud/local/volumes/node1_data", "8:16", "xfs"), ("/srv/goudy", "8:1", "ext4"),
    ("/srv/with blank/x", "8:32", "ext4"),
  ])
  func aPathIsOnTheMountThatIsNearest(_ path: String, _ number: String, _ kind: String) {
    let mount = table.mount(of: path)
    #expect(mount?.number == number && mount?.fileSystem == kind)
  }

  @Test func theLaterMountLiesOverTheEarlierOne() {
    #expect(table.mount(of: "/run/x")?.fileSystem == "overlay")
  }

  @Test func theMachinesOwnTableIsUnderstood() throws {
    #expect(try MountTable.read().mount(of: "/proc")?.fileSystem == "proc")
    #expect(try BlockDevice(at: "/proc") == nil)
  }

  /// What a process sees whose root is a directory of some mount (chroot).
  @Test func aPathOnNoMountThatIsToldIsKnownByItsDevice() throws {
    let known = try #require(try MountTable.read().mounts.last { $0.place == "/proc" })
    let seen = try MountTable("").mount(orDeviceOf: "/proc")
    #expect(seen.number == known.number && seen.place == "/" && seen.fileSystem == "unknown")
    #expect(throws: GoudError.self) { try MountTable("").mount(orDeviceOf: "/no/such/place") }
  }
}
