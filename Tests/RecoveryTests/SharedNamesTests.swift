import GoudCore
import TestSupport
import Testing

@testable import Backup
@testable import Restore
@testable import Retention
@testable import Volumes

/// `Recovery` makes the names beside a volume, `Volumes` recognises them.
@Suite struct SharedNamesTests {
  @Test func everyNameBesideAVolumeIsRecognised() throws {
    try inTemporaryDirectory { root in
      let place = try VolumePlace("\(root)/node1_data")
      let names = VolumePlace.Sibling.allCases.map { place.sibling($0, "0123") }
      for name in names { try AtomicFile.write([], to: name) }
      let found = try Volume(name: "node1_data", path: place.path).neighbours()
      #expect(Set(found.map { "\(root)/\($0.name)" }) == Set(names))
      #expect(Set(found.map(\.kind.rawValue)) == Set(VolumePlace.Sibling.allCases.map(\.rawValue)))
      #expect(place.lockFile == "\(root)/.node1_data.goud-lock")
      #expect(RestoreMarker.fileName == Volume.restoreMarker)
    }
  }
}
