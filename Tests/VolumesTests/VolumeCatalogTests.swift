import Foundation
import GoudCore
import TestSupport
import Testing

import VolumeSnapshot
@testable import Volumes

@Suite struct VolumeReferenceTests {
  @Test(arguments: [
    ("node1", VolumeReference.name("node1")), ("a b", .name("a b")), ("ünode\n2", .name("ünode\n2")),
    ("./x", .path("./x", name: nil)), ("/x/a=b", .path("/x/a=b", name: nil)), ("./a=b", .path("./a=b", name: nil)),
    ("n=/x", .path("/x", name: "n")), ("n=x", .path("x", name: "n")), ("n=x=y/z", .path("x=y/z", name: "n")),
    ("/", .path("/", name: nil)),
  ])
  func isToldByItsText(_ text: String, _ reference: VolumeReference) throws {
    #expect(try VolumeReference(text) == reference)
  }

  @Test(arguments: ["", ".", "..", "=", "=/x", "n=", "..=/x", "a\0b", "/x\0", String(repeating: "n", count: 201)])
  func isRefusedAsUsage(_ text: String) {
    expectFailure(.usage) { try VolumeReference(text) }
  }
}

@Suite struct VolumeCatalogTests {
  @Test func aNodesNameFindsItsVolume() throws {
    try inTemporaryDirectory { root in
      let fixture = try VolumeFixture(root)
      let volume = try fixture.volume("node1_data")
      #expect(try fixture.catalog.resolve("node1") == volume)
      #expect(try fixture.catalog.resolve("node1_data") == volume)
      #expect(try fixture.catalog.list() == [volume])
      #expect(try fixture.catalog.resolve([]) == [volume])
    }
  }

  @Test func aMissingCatalogIsEmpty() throws {
    let catalog = VolumeCatalog(directory: "/nowhere/at/all", workingDirectory: "/")
    #expect(try catalog.list() == [])
    #expect(try catalog.resolve([]) == [])
    let error = expectFailure(.volumeNotFound) { try catalog.resolve("node1") }
    #expect(error?.hint?.contains("name a path") == true && error?.code.exitStatus == .notFound)
  }

  @Test func anUnknownNameNamesTheKnownOnes() throws {
    try inTemporaryDirectory { root in
      let fixture = try VolumeFixture(root)
      try fixture.volume("node1_data")
      try makeDirectory("\(root)/here")
      let unknown = expectFailure(.volumeNotFound) { try fixture.catalog.resolve("x") }
      #expect(unknown?.hint?.contains("node1_data") == true)
      let here = expectFailure(.volumeNotFound) { try fixture.catalog.resolve("here") }
      #expect(here?.hint?.contains("./here") == true)
    }
  }

  @Test func aNameThatFitsTwoVolumesIsRefused() throws {
    try inTemporaryDirectory { root in
      let fixture = try VolumeFixture(root)
      try fixture.volume("node1")
      try fixture.volume("node1_data")
      expectFailure(.volumeAmbiguous) { try fixture.catalog.resolve("node1") }
      #expect(try fixture.catalog.resolve("node1_data").name == "node1_data")
    }
  }

  @Test func aPathThatIsNotThereIsNotFound() throws {
    try inTemporaryDirectory { root in
      let fixture = try VolumeFixture(root)
      try FileManager.default.createSymbolicLink(atPath: "\(root)/dangling", withDestinationPath: "gone")
      for path in ["./missing", "\(root)/missing/deeper", "./dangling", "n=missing"] {
        expectFailure(.volumeNotFound) { try fixture.catalog.resolve(path) }
      }
    }
  }

  @Test func aFileIsNoVolume() throws {
    try inTemporaryDirectory { root in
      let fixture = try VolumeFixture(root)
      try makeFile("\(root)/file")
      try makeFile("\(fixture.configuration.volumesDirectory)/node9")
      for path in ["./file", "x=file", "node9"] {
        let error = expectFailure(.volumeNotDirectory) { try fixture.catalog.resolve(path) }
        #expect(error?.code.exitStatus == .refused)
      }
      expectFailure(.volumeNotFound) { try fixture.catalog.resolve("./file/below") }
      #expect(try fixture.catalog.list() == [])
    }
  }

  @Test func aDirectoryWithoutRocksDBIsRefused() throws {
    try inTemporaryDirectory { root in
      let fixture = try VolumeFixture(root)
      try makeFile("\(root)/plain/notes.txt")
      try makeFile("\(root)/plain/000001.log")
      let error = expectFailure(.volumeNoDatabase) { try fixture.catalog.resolve("./plain") }
      #expect(error?.hint != nil)
      #expect(try fixture.catalog.resolve("./plain", holdingDatabase: false).name == "plain")
    }
  }

  @Test func whatIsLeftOfADatabaseIsAVolumeStill() throws {
    try inTemporaryDirectory { root in
      let fixture = try VolumeFixture(root)
      let volume = try fixture.volume("node1_data")
      try FileManager.default.removeItem(atPath: "\(volume.path)/rocksdb/CURRENT")
      #expect(try fixture.catalog.resolve("node1").databases().map(\.path) == ["rocksdb"])
    }
  }

  @Test(arguments: ["with space", "new\nline", "ünïcødé 数据", "-dash", "a=b", "tab\t\u{1b}[31m"])
  func anyNameOfADirectoryWorks(_ name: String) throws {
    try inTemporaryDirectory { root in
      let fixture = try VolumeFixture(root)
      try makeDatabase("\(root)/\(name)")
      let volume = try fixture.catalog.resolve("./\(name)")
      #expect(volume == Volume(name: name, path: "\(root)/\(name)"))
      #expect(try VolumeSummary(volume).state == .stopped)
      #expect(try fixture.inspector.inspect(volume).fault == nil)
    }
  }

  @Test func aNameThatIsNotTextIsAnErrorAndNoCrash() throws {
    try inTemporaryDirectory { root in
      let fixture = try VolumeFixture(root)
      let volume = try fixture.volume("node1_data")
      var bytes = Array("\(volume.path)/".utf8CString.dropLast()) + [CChar(bitPattern: 0xff), 0]
      #expect(mkdir(&bytes, 0o700) == 0)
      expectFailure(.ioFailed) { try VolumeSummary(volume) }
      rmdir(&bytes)
    }
  }

  @Test func linksAreFollowed() throws {
    try inTemporaryDirectory { root in
      let fixture = try VolumeFixture(root)
      try makeDatabase("\(root)/real/rocksdb")
      let link = "\(fixture.configuration.volumesDirectory)/node1_data"
      try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "\(root)/real")
      let volume = Volume(name: "node1_data", path: "\(root)/real")
      #expect(try fixture.catalog.resolve("node1") == volume)
      #expect(try fixture.catalog.list() == [volume])
      #expect(try fixture.catalog.resolve(link).name == "real")
    }
  }

  @Test func twoVolumesOfOneNameAreRefusedUntilOneIsNamed() throws {
    try inTemporaryDirectory { root in
      let fixture = try VolumeFixture(root)
      try makeDatabase("\(root)/a/data")
      try makeDatabase("\(root)/b/data")
      expectFailure(.volumeAmbiguous) { try fixture.catalog.resolve(["./a/data", "./b/data"]) }
      expectFailure(.volumeAmbiguous) { try fixture.catalog.resolve(["./a/data", "x=./a/data"]) }
      #expect(try fixture.catalog.resolve(["./a/data", "other=./b/data"]).map(\.name) == ["data", "other"])
    }
  }

  @Test func theRootDirectoryNeedsAName() throws {
    let catalog = VolumeCatalog(directory: "/nowhere", workingDirectory: "/")
    let error = expectFailure(.usage) { try catalog.resolve("/", holdingDatabase: false) }
    #expect(error?.hint == "write NAME=/")
  }

  @Test func goudsOwnDirectoriesAreNoVolumes() throws {
    try inTemporaryDirectory { root in
      let fixture = try VolumeFixture(root)
      try makeDirectory("\(fixture.configuration.volumesDirectory)/.node1_data.restore-1")
      #expect(try fixture.catalog.list() == [])
    }
  }
}
