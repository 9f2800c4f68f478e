import Foundation
import GoudCore
import TestSupport
import Testing
import Volumes

@testable import Drivers

@Suite struct ProviderTests {
  @Test(arguments: [
    ("100GB", Int64(107_374_182_400)), ("100G", 107_374_182_400), ("100GiB", 107_374_182_400), ("2tb", 2 << 40),
    ("96M", 96 << 20), ("512KB", 512 << 10),
  ])
  func aSizeIsWhatProvidersMeanByIt(_ text: String, _ bytes: Int64) throws {
    #expect(try DiskSize.parse(text).bytes == bytes)
  }

  @Test(arguments: [
    "", "100", "GB", "0GB", "-1GB", "1.5GB", "1 GB", "1EB", "1GBs", "99999999999999999999G", "9999999999T",
  ])
  func whatIsNoSizeIsRefused(_ text: String) {
    let error = #expect(throws: GoudError.self) { try DiskSize.parse(text) }
    #expect(error?.code == .usage && error?.hint != nil)
  }

  @Test func aSizeIsShownAsItIsWritten() throws {
    for text in ["100GB", "1TB", "96MB", "1025GB"] { #expect(DiskSize.text(try DiskSize.parse(text)) == text) }
  }

  /// The guide's commands, and those around them.
  @Test func theProvidersCommandsAreExactlyThese() throws {
    #expect(
      try lines(.googleDisk, "goud-data", zone: "europe-west1-b") == [
        "gcloud compute disks describe goud-data --zone=europe-west1-b '--format=value(sizeGb)'   # not there yet?",
        "gcloud compute disks resize goud-data --size=100GB --zone=europe-west1-b --quiet",
        "wait until /dev/sdb has 100GB",
      ])
    #expect(
      try lines(.amazonDisk, "vol-0abc", zone: nil) == [
        "aws ec2 describe-volumes --volume-ids vol-0abc --query 'Volumes[0].Size' --output text   # not there yet?",
        "aws ec2 modify-volume --volume-id vol-0abc --size 100",
        "aws ec2 describe-volumes-modifications --volume-ids vol-0abc --query "
          + "'VolumesModifications[0].ModificationState' --output text   # until it says optimizing or completed",
        "wait until /dev/sdb has 100GB",
      ])
    #expect(try lines(.amazonDisk, "vol-0abc", zone: "eu-west-1")[1].hasSuffix("--size 100 --region eu-west-1"))
  }

  @Test func aDiskThatNobodyNamedOrAnOddSizeIsRefused() throws {
    #expect(failure { try lines(.googleDisk, nil, zone: nil) } == .volumeNotExpandable)
    #expect(failure { try lines(.amazonDisk, nil, zone: nil) } == .volumeNotExpandable)
    #expect(failure { try lines(.amazonDisk, "vol-1", zone: nil, "1500MB") } == .usage)
    #expect(failure { try lines(.local, nil, zone: nil) } == .volumeNotExpandable, "no loop device")
  }

  private func failure(_ body: () throws -> [String]) -> ErrorCode? {
    do {
      _ = try body()
      return nil
    } catch { return (error as? GoudError)?.code }
  }

  private func lines(_ driver: VolumeDriver, _ id: String?, zone: String?, _ size: String = "100GB") throws -> [String]
  {
    let device = try JSONDecoder().decode(
      BlockDevice.self, from: Data(#"{"path":"/dev/sdb","bytes":1073741824,"isPartition":false}"#.utf8))
    let backing = VolumeBacking(
      driver: driver, providerId: id, zone: zone, fileSystem: "ext4", mountPoint: "/srv", device: device)
    let size = try DiskSize.parse(size)
    return try Provider.steps(backing, device, size).flatMap { $0.lines(device.path, size) }
  }
}
