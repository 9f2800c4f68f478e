import Foundation
import GoudCore
import Layout
import TestSupport
import Testing

@testable import Backup
@testable import Restore
@testable import Retention
@testable import Volumes

/// Restores make the names beside a volume and in its root, `Volumes` recognises them.
@Suite struct SharedNamesTests {
  @Test func everyNameOfARestoreIsRecognised() throws {
    try inTemporaryDirectory { root in
      let place = try VolumePlace("\(root)/node1_data")
      try FileManager.default.createDirectory(atPath: place.path, withIntermediateDirectories: true)
      let names = RestoreName.Site.allCases.flatMap { site in
        RestoreName.allCases.map { place.path($0, "0123", site) }
      }
      for name in names { try AtomicFile.write([], to: name) }
      let found = try Volume(name: "node1_data", path: place.path).neighbours()
      #expect(Set(found.map(\.path)) == Set(names))
      #expect(Set(found.map(\.kind)) == Set(RestoreName.allCases))
      for kind in RestoreName.allCases {
        for site in RestoreName.Site.allCases { #expect(try place.tails(kind, site) == ["0123"]) }
      }
      #expect(place.lockFile == "\(root)/.node1_data.goud-lock")
      #expect(RestoreMarker.fileName == Volume.restoreMarker)
      for name in [".goud-standing.json", ".goud-restore.json", ".goud-", "goud-restore-1", "x.goud-restore-1"] {
        #expect(!RestoreName.isWork(inRoot: name), "\(name)")
      }
    }
  }
}
