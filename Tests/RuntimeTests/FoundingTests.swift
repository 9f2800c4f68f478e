import Chain
import Foundation
import GoudCore
import Layout
import TestSupport
import Testing

@testable import Runtime

@Suite struct FoundingTests {
  private let nodes = ["node1", "node2", "node3"]

  private func with(_ body: (NetworkHome, Founding) throws -> Void) throws {
    try inTemporaryDirectory { root in
      let home = NetworkHome("\(root)/local")
      try body(home, Founding(home: home, environment: "local", nodes: nodes))
    }
  }

  private func standing(_ home: NetworkHome, _ node: String) throws -> VolumeStanding {
    try VolumeStanding.read(in: home.volume(node))
  }

  @Test func aNewNetworkHasMembersOfOneBeginningWithKeysOfTheirOwn() throws {
    try with { home, founding in
      let network = try founding.prepare()
      let standings = try nodes.map { try standing(home, $0) }
      #expect(standings.allSatisfy { $0.standing == .member && $0.beginning.count == 16 })
      #expect(Set(standings.map(\.beginning)).count == 1)
      let genesis = try Block(
        decoding: try Descriptor.open(home.genesis, O_RDONLY).readAll(), chain: nil)
      #expect(genesis.hash.hex == network.chain)
      let validators = try Genesis(block: genesis).validators
      #expect(validators.map(\.name) == nodes)
      for validator in validators {
        #expect(try ValidatorKey(path: home.key(validator.name)).publicKey == validator.publicKey)
        #expect(try ValidatorKey(path: "\(home.volume(validator.name))/validator_key").publicKey == validator.publicKey)
      }
    }
  }

  @Test func secretsAreForTheirOwnerAlone() throws {
    try with { home, founding in
      _ = try founding.prepare()
      for path in [home.key("node1"), "\(home.volume("node1"))/validator_key"] {
        #expect(try #require(try FileSystem.status(path)).st_mode & 0o777 == 0o600)
      }
      for path in [home.network, home.volume("node2"), home.run] {
        #expect(try #require(try FileSystem.status(path)).st_mode & 0o777 == 0o700)
      }
    }
  }

  @Test func aFoundedNetworkIsFoundAgain() throws {
    try with { home, founding in
      let first = try founding.prepare()
      let second = try founding.prepare()
      #expect(second.chain == first.chain && second.notes.isEmpty)
    }
  }

  @Test func aFoundingThatWasCutOffGoesOnWithTheSameKeys() throws {
    try with { home, founding in
      let first = try founding.prepare()
      var record = try #require(try NetworkRecord.read(home))
      record.complete = false
      try record.write(in: home.network)
      try FileManager.default.removeItem(atPath: home.volume("node3"))
      let second = try founding.prepare()
      #expect(second.chain == first.chain)
      #expect(try standing(home, "node3") == standing(home, "node1"))
      #expect(try NetworkRecord.read(home)?.complete == true)
    }
  }

  @Test func aVolumeThatIsGoneIsMadeAnewAndCountsForNothing() throws {
    try with { home, founding in
      _ = try founding.prepare()
      try FileManager.default.removeItem(atPath: home.volume("node1"))
      let again = try founding.prepare()
      #expect(again.notes.count == 1 && again.notes[0].contains("node1"))
      #expect(try standing(home, "node1") == .absent)
      #expect(
        try ValidatorKey(path: "\(home.volume("node1"))/validator_key").publicKey
          == ValidatorKey(path: home.key("node1")).publicKey)
    }
  }

  @Test func aNetworkThatLostEveryVolumeIsNotFoundedAnew() throws {
    try with { home, founding in
      _ = try founding.prepare()
      for node in nodes { try FileManager.default.removeItem(atPath: home.volume(node)) }
      let error = #expect(throws: GoudError.self) { try founding.prepare() }
      #expect(error?.code == .networkLost)
      #expect(try nodes.allSatisfy { try FileSystem.status(home.volume($0)) == nil })
    }
  }

  @Test(arguments: [["node1", "node2"], ["node2", "node1", "node3"], ["node1", "node2", "node3", "node4"]])
  func otherNodesAreRefused(others: [String]) throws {
    try with { home, founding in
      _ = try founding.prepare()
      let other = Founding(home: home, environment: "local", nodes: others)
      #expect(#expect(throws: GoudError.self) { try other.prepare() }?.code == .networkDiffers)
    }
  }

  @Test func aNetworkIsTakenOverFromItsVolumes() throws {
    try with { home, founding in
      let first = try founding.prepare()
      for node in nodes { try openOnce(home, node) }
      try FileManager.default.removeItem(atPath: home.network)
      let second = try founding.prepare()
      #expect(second.chain == first.chain)
      #expect(try ValidatorKey(path: home.key("node3")).publicKey == key(home, "node3"))
    }
  }

  @Test func volumesOfTwoChainsAreNotTakenOver() throws {
    try with { home, founding in
      _ = try founding.prepare()
      for node in nodes { try openOnce(home, node) }
      try inTemporaryDirectory { elsewhere in
        let other = NetworkHome("\(elsewhere)/local")
        _ = try Founding(home: other, environment: "local", nodes: nodes).prepare()
        try openOnce(other, "node2")
        try FileManager.default.removeItem(atPath: home.volume("node2"))
        try FileManager.default.moveItem(atPath: other.volume("node2"), toPath: home.volume("node2"))
      }
      try FileManager.default.removeItem(atPath: home.network)
      #expect(#expect(throws: GoudError.self) { try founding.prepare() }?.code == .chainForeign)
      #expect(try FileSystem.status(home.network) == nil)
    }
  }

  @Test func aVolumeWithoutItsKeyIsNotTakenOver() throws {
    try with { home, founding in
      _ = try founding.prepare()
      for node in nodes { try openOnce(home, node) }
      try FileManager.default.removeItem(atPath: home.network)
      try FileManager.default.removeItem(atPath: "\(home.volume("node2"))/validator_key")
      let error = #expect(throws: GoudError.self) { try founding.prepare() }
      #expect(error?.code == .networkNotFounded && error?.message.contains("node2") == true)
    }
  }

  @Test func aVolumeInTheMiddleOfARestoreIsLeftAlone() throws {
    try with { home, founding in
      _ = try founding.prepare()
      try AtomicFile.write([], to: "\(home.volume("node2"))/\(VolumeName.restoreMarker)")
      #expect(#expect(throws: GoudError.self) { try founding.prepare() }?.code == .restorePending)
    }
  }

  @Test func aRecordThatCannotBeUnderstoodIsNotReplaced() throws {
    try with { home, founding in
      _ = try founding.prepare()
      try AtomicFile.write(Array("{".utf8), to: home.record)
      #expect(#expect(throws: GoudError.self) { try founding.prepare() }?.code == .networkNotFounded)
    }
  }

  /// What a node's first start does: makes the ledger.
  private func openOnce(_ home: NetworkHome, _ node: String) throws {
    let genesis = try Block(decoding: try Descriptor.open(home.genesis, O_RDONLY).readAll(), chain: nil)
    _ = try Ledger(directory: "\(home.volume(node))/rocksdb", genesis: genesis)
  }

  private func key(_ home: NetworkHome, _ node: String) throws -> [UInt8] {
    try ValidatorKey(path: "\(home.volume(node))/validator_key").publicKey
  }
}
