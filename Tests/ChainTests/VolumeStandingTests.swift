import Foundation
import GoudCore
import Layout
import TestSupport
import Testing

@testable import Chain

@Suite struct VolumeStandingTests {
  private let beginning = [UInt8](repeating: 0xab, count: 16)

  @Test func aVolumeWithoutTheFileRejoins() throws {
    try inTemporaryDirectory { volume throws in
      let standing = try VolumeStanding.read(in: volume)
      #expect(standing == VolumeStanding.absent)
      #expect(VolumeStanding.absent.standing == .rejoining)
    }
  }

  @Test func whatWasWrittenIsRead() throws {
    try inTemporaryDirectory { volume in
      let standings = [
        VolumeStanding(
          .member, beginning: beginning, reign: EpochPromise(epoch: 7, nonce: VolumeStanding.newBeginning()),
          reason: "founded"),
        VolumeStanding(.member, beginning: beginning, reason: "restored"),
        VolumeStanding(.rejoining, reason: "restored"),
      ]
      for standing in standings {
        try standing.write(in: volume)
        #expect(try VolumeStanding.read(in: volume) == standing)
      }
      let status = try #require(try FileSystem.status("\(volume)/.goud-standing.json"))
      #expect(status.st_mode & 0o777 == 0o600)
    }
  }

  @Test func fieldsOfLaterVersionsArePassedOver() throws {
    try inTemporaryDirectory { volume in
      try put(#"{"standing": "rejoining", "beginning": null, "later": [1]}"#, volume)
      #expect(try VolumeStanding.read(in: volume).standing == .rejoining)
    }
  }

  @Test(arguments: [
    "", "{", "[]", "null", #"{"beginning": null}"#, #"{"standing": "elder"}"#, #"{"standing": "member"}"#,
    #"{"standing": "member", "beginning": null}"#, #"{"standing": "member", "beginning": "ab"}"#,
    #"{"standing": "rejoining", "beginning": "zz"}"#,
    #"{"standing": "rejoining", "reign": {"epoch": 1, "nonce": "00"}}"#, #"{"standing": "rejoining", "reign": "00"}"#,
    #"{"standing": 1}"#, #"{"standing": "rejoining", "serial": 18446744073709551615}"#,
    #"{"standing": "rejoining", "reign": {"epoch": 9223372036854775808, "nonce": "00000000000000000000000000000000"}}"#,
    #"{"standing": "rejoining", "reign": {"epoch": 18446744073709551616, "nonce": "00000000000000000000000000000000"}}"#,
  ])
  func aFileThatCannotBeUnderstoodIsRefused(text: String) throws {
    try inTemporaryDirectory { volume in
      try put(text, volume)
      let error = #expect(throws: GoudError.self) { try VolumeStanding.read(in: volume) }
      #expect(error?.code == .volumeStandingInvalid)
    }
  }

  @Test func somethingElseOfThatNameIsRefused() throws {
    try inTemporaryDirectory { volume in
      let path = "\(volume)/.goud-standing.json"
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
      #expect(throws: GoudError.self) { try VolumeStanding.read(in: volume) }
      try FileManager.default.removeItem(atPath: path)
      try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "/dev/zero")
      let error = #expect(throws: GoudError.self) { try VolumeStanding.read(in: volume) }
      #expect(error?.code == .volumeStandingInvalid)
    }
  }

  @Test func beginningsDiffer() {
    #expect(VolumeStanding.newBeginning() != VolumeStanding.newBeginning())
    #expect(VolumeStanding.newBeginning().count == 16)
  }

  @Test func aVolumeWithAnUnconfirmedRestoreIsNotToBeOpened() throws {
    try inTemporaryDirectory { volume in
      try RestoreGate.check(volume)
      try AtomicFile.write([], to: "\(volume)/\(VolumeName.restoreMarker)")
      let error = #expect(throws: GoudError.self) { try RestoreGate.check(volume) }
      #expect(error?.code == .restorePending)
      #expect(error?.hint?.contains("--settle") == true)
    }
  }

  private func put(_ text: String, _ volume: String) throws {
    try AtomicFile.write(Array(text.utf8), to: "\(volume)/\(VolumeName.standing)")
  }
}
