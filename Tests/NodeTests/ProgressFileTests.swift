import Chain
import CoreFoundation
import Foundation
import GoudCore
import Layout
import Replication
import TestSupport
import Testing

@testable import Node

/// What is kept of a node outside of its volume, on real ledgers.
@Suite struct ProgressFileTests {
  private static let record = StandingRecord(
    standing: .member, beginning: [UInt8](repeating: 7, count: 16), reign: .none)

  private struct Fixture {
    let root: String
    let key = ValidatorKey.generate()
    let genesis: Block
    var directory: String { "\(root)/progress" }

    init(_ root: String) throws {
      self.root = root
      genesis = try Genesis(network: "test", validators: [.init(name: "node1", publicKey: key.publicKey)])
        .block(key: key, time: 1)
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    }

    func chain(_ name: String = "rocksdb") throws -> ChainStore {
      ChainStore(try Ledger(directory: "\(root)/\(name)", genesis: genesis))
    }

    func extend(_ chain: ChainStore, by count: Int = 1, epoch: UInt64 = 1) throws {
      for _ in 0..<count {
        let block = try Block(
          after: chain.ledger.head, chain: chain.ledger.chain, epoch: epoch, time: 2, entries: [], key: key)
        try chain.append([NamedBlock(block, contents: [])])
      }
      try chain.ledger.synchronize()
    }

    func begin(
      _ chain: ChainStore, _ record: StandingRecord = ProgressFileTests.record, promise: UInt64 = 1, serial: UInt64 = 5
    ) throws -> (file: ProgressFile, state: DurableState, forgotten: Forgotten?) {
      let nonce = [UInt8](repeating: UInt8(promise & 255), count: 16)
      var state = DurableState(
        promise: Epoch(number: promise, nonce: nonce), standing: record, acknowledged: 0, serial: serial)
      let begun = try ProgressFile.begin(in: directory, chain: chain, state: &state)
      return (begun.file, state, begun.forgotten)
    }
  }

  private func with(_ body: (Fixture) throws -> Void) throws { try inTemporaryDirectory { try body(Fixture($0)) } }

  @Test func aVolumeThatHoldsWhatItsNodeHasToldCounts() throws {
    try with { fixture in
      let chain = try fixture.chain()
      let first = try fixture.begin(chain)
      try fixture.extend(chain, by: 3)
      try first.file.note(stored: chain.head)
      #expect(try fixture.begin(chain).forgotten == nil)
      // Unsynced blocks above what was told may go, and a crash may come between the volume and what is noted.
      try fixture.extend(chain)
      try chain.truncate(above: 3)
      #expect(try fixture.begin(chain, promise: 2).state.standing.standing == .member)
    }
  }

  @Test func aShorterChainHasForgotten() throws {
    try with { fixture in
      let chain = try fixture.chain()
      let file = try fixture.begin(chain).file
      try fixture.extend(chain, by: 3)
      try file.note(stored: chain.head)
      try chain.truncate(above: 2)
      let again = try fixture.begin(chain)
      #expect(again.forgotten == .blocks(through: 3, has: 2))
      #expect(again.state.standing.standing == .rejoining)
      // The newest volume may still be found: what is known of it stays.
      #expect(try fixture.begin(chain).forgotten != nil)
    }
  }

  /// As long, and another: a copy of another node's database, with a suffix that gave way.
  @Test func anotherBlockOfThatHeightHasForgotten() throws {
    try with { fixture in
      let (chain, other) = (try fixture.chain(), try fixture.chain("other"))
      let file = try fixture.begin(chain).file
      try fixture.extend(chain, by: 2, epoch: 2)
      try file.note(stored: chain.head)
      try fixture.extend(other, by: 3, epoch: 1)
      #expect(try fixture.begin(other).forgotten == .blocks(through: 2, has: 3))
    }
  }

  @Test func blocksThatGiveWayAreNotMissedAfterwards() throws {
    try with { fixture in
      let chain = try fixture.chain()
      let file = try fixture.begin(chain).file
      try fixture.extend(chain, by: 3)
      try file.note(stored: chain.head)
      try file.goBack(to: try #require(chain.block(at: 1)))
      try chain.truncate(above: 1)
      #expect(try fixture.begin(chain).forgotten == nil)
    }
  }

  @Test func aLowerPromiseHasForgotten() throws {
    try with { fixture in
      let chain = try fixture.chain()
      try fixture.begin(chain).file.note(Epoch(number: 9, nonce: [UInt8](repeating: 9, count: 16)))
      #expect(try fixture.begin(chain, promise: 8).forgotten == .promise(9, has: 8))
      #expect(try fixture.begin(chain, promise: 9).forgotten == nil)
    }
  }

  @Test func anOlderStandingHasForgottenAndANewerOfAnotherBeginningHasNot() throws {
    try with { fixture in
      let chain = try fixture.chain()
      var reigned = Self.record
      reigned.reign = Epoch(number: 4, nonce: [UInt8](repeating: 4, count: 16))
      try fixture.begin(chain).file.note(reigned, serial: 6)
      #expect(try fixture.begin(chain, serial: 5).forgotten == .standing)
      #expect(try fixture.begin(chain, serial: 6).forgotten == .standing, "of the same serial, and another")
      #expect(try fixture.begin(chain, reigned, serial: 6).forgotten == nil)
      try fixture.begin(chain, reigned, serial: 6).file.note(Epoch(number: 9, nonce: [UInt8](repeating: 9, count: 16)))
      #expect(try fixture.begin(chain, reigned, serial: 7).forgotten == .promise(9, has: 1))
      var restored = Self.record
      restored.beginning = [UInt8](repeating: 8, count: 16)
      #expect(try fixture.begin(chain, restored, serial: 7).forgotten == nil)
      #expect(try fixture.begin(chain, reigned, serial: 6).forgotten == .standing, "of before the restore")
    }
  }

  @Test func whatIsRejoiningHasToldNothing() throws {
    try with { fixture in
      let chain = try fixture.chain()
      try fixture.extend(chain, by: 2)
      let file = try fixture.begin(chain, .absent, serial: 0).file
      try file.note(stored: chain.head)
      #expect(try FileSystem.status(ProgressName(in: fixture.directory).record) == nil)
      try file.note(Self.record, serial: 8)
      try chain.truncate(above: 1)
      #expect(try fixture.begin(chain, serial: 8).forgotten == .blocks(through: 2, has: 1))
    }
  }

  @Test func aTornMarkFallsBackToWhatWasSynced() throws {
    try with { fixture in
      let chain = try fixture.chain()
      let file = try fixture.begin(chain).file
      try fixture.extend(chain, by: 2)
      try file.note(stored: chain.head)
      let name = ProgressName(in: fixture.directory)
      let bytes = try Descriptor.open(name.stored, O_RDONLY).readAll()
      for torn in [bytes.dropLast(40), bytes.dropFirst(3), bytes.prefix(0)] {
        try Data(torn).write(to: URL(fileURLWithPath: name.stored))
        #expect(try fixture.begin(chain).forgotten == nil)
      }
    }
  }

  @Test(arguments: ["", "{}", "[1]", #"{"format":2}"#, "\u{0}"]) func whatCannotBeUnderstoodStopsTheNode(
    _ text: String
  ) throws {
    try with { fixture in
      let chain = try fixture.chain()
      _ = try fixture.begin(chain)
      try Data(text.utf8).write(to: URL(fileURLWithPath: ProgressName(in: fixture.directory).record))
      let error = #expect(throws: GoudError.self) { try fixture.begin(chain) }
      #expect(error?.code == .volumeProgressInvalid && error?.hint?.isEmpty == false)
    }
  }

  /// Database and standing of another node, under the key of this one.
  @Test func theStandingOfAnotherNodesVolumeIsRefused() throws {
    try inTemporaryDirectory { root in
      let volumes = try ["node1", "node2"].map { name in
        try FileManager.default.createDirectory(atPath: "\(root)/\(name)", withIntermediateDirectories: true)
        try ValidatorKey.generate().write(to: "\(root)/\(name)/validator_key")
        try VolumeStanding(.member, beginning: Self.record.beginning, reason: "founded").write(in: "\(root)/\(name)")
        return NodeVolume("\(root)/\(name)")
      }
      #expect(try volumes[0].standing() == Self.record)
      let standing = "\(volumes[0].path)/\(VolumeName.standing)"
      try FileManager.default.removeItem(atPath: standing)
      try FileManager.default.copyItem(atPath: "\(volumes[1].path)/\(VolumeName.standing)", toPath: standing)
      let error = #expect(throws: GoudError.self) { try volumes[0].standing() }
      #expect(error?.code == .volumeStandingInvalid)
    }
  }

  @Test func itIsForItsOwnerAlone() throws {
    try with { fixture in
      let chain = try fixture.chain()
      _ = try fixture.begin(chain)
      let name = ProgressName(in: fixture.directory)
      for path in [name.record, name.stored] {
        #expect(try #require(try FileSystem.status(path)).st_mode & 0o777 == 0o600)
      }
    }
  }
}
