import Chain
import GoudCore
import Replication
import Synchronization
import Testing

@testable import Node

/// What is refused before a disk is full.
@Suite struct DiskRoomTests {
  private static let mebibyte: Int64 = 1 << 20

  /// A disk whose figures a test sets.
  private final class Disk: Sendable {
    let figures = Mutex(DiskRoom.Figures(available: 1 << 40, pending: 0))

    func room(reserve: Int64 = 128, sharers: Int = 1) -> DiskRoom {
      DiskRoom(reserve: reserve << 20, sharers: sharers) { self.figures.withLock { $0 } }
    }

    func set(_ available: Int64, pending: Int64 = 0, _ room: DiskRoom) {
      figures.withLock { $0 = DiskRoom.Figures(available: available << 20, pending: pending << 20) }
      room.look()
    }
  }

  @Test func clientsAreRefusedBelowTheReserveAndTakenAgainAboveIt() {
    let disk = Disk()
    let room = disk.room()
    for (available, isShort) in [
      (128, false), (127, true), (128, true), (143, true), (144, false), (129, false), (0, true), (200, false),
    ] as [(Int64, Bool)] {
      disk.set(available, room)
      #expect(room.isShort == isShort, "\(available) MiB")
      #expect(room.shortage(of: "node1")?.code == (isShort ? .nodeNoRoom : nil))
    }
  }

  @Test func whatTheDatabaseHasStillToWriteCountsForEachNodeOfTheDisk() {
    let disk = Disk()
    let room = disk.room(sharers: 3)
    disk.set(128 + 3 * 30, pending: 30, room)
    #expect(!room.isShort)
    disk.set(128 + 3 * 30, pending: 31, room)
    #expect(room.isShort)
    // No number is too large to count with.
    disk.figures.withLock { $0 = DiskRoom.Figures(available: .max, pending: .max) }
    room.look()
    disk.figures.withLock { $0 = DiskRoom.Figures(available: -1, pending: .max) }
    room.look()
    #expect(room.isShort && !room.takes(blocks: 1))
  }

  @Test func blocksOfTheOthersAreTakenDownToHalfAndSmallOnesToAQuarter() {
    let disk = Disk()
    let room = disk.room()
    for (available, large, small) in [
      (128, true, true), (64, true, true), (63, false, true), (32, false, true), (31, false, false),
    ] as [(Int64, Bool, Bool)] {
      disk.set(available, room)
      #expect(room.takes(blocks: 1 << 20) == large && room.takes(blocks: 1 << 10) == small, "\(available) MiB")
    }
  }

  @Test func withoutAReserveNothingIsRefused() {
    let disk = Disk()
    let room = disk.room(reserve: 0)
    disk.set(0, pending: 100, room)
    #expect(!room.isShort && room.takes(blocks: .max))
  }

  @Test func aDiskThatDoesNotSayChangesNothing() {
    let fails = Mutex(false)
    let room = DiskRoom(reserve: 128 << 20, sharers: 1) {
      if fails.withLock({ $0 }) { throw GoudError(.ioFailed, "says the test") }
      return DiskRoom.Figures(available: 0, pending: 0)
    }
    fails.withLock { $0 = true }
    room.look()
    #expect(room.isShort)
  }

  // MARK: - In a network

  private func set(_ cluster: Cluster, _ available: Int64?, _ names: String...) {
    cluster.available.withLock { for name in names { $0[name] = available.map { $0 << 20 } } }
  }

  private func code(_ cluster: Cluster, at name: String, for time: Duration = .seconds(5)) async throws -> ErrorCode? {
    do {
      _ = try await cluster.attempt(Cluster.account(), at: name, for: time)
      return nil
    } catch let error as GoudError {
      return error.code
    }
  }

  @Test func whenTheAuthoritysDiskIsFullEveryNodeSaysSoAndGoesOnLater() async throws {
    try await Cluster.with { cluster in
      try await cluster.start()
      for name in cluster.names { try await cluster.submit(Cluster.account(), at: name) }
      set(cluster, 100, "node1")
      try await cluster.waitUntil("node1 to be short") { try await cluster.host("node1").status.condition == .degraded }
      let head = try await cluster.ledger("node1").head
      for name in cluster.names { #expect(try await code(cluster, at: name) == .nodeNoRoom, "\(name)") }
      #expect(try await cluster.ledger("node1").head == head)
      #expect(try await cluster.host("node2").failure == nil)
      set(cluster, nil, "node1")
      for name in cluster.names { try await cluster.submit(Cluster.account(), at: name) }
    }
  }

  @Test func oneFollowerWithoutRoomIsLeftBehindAndCatchesUp() async throws {
    try await Cluster.with { cluster in
      try await cluster.start()
      let account = Cluster.account()
      try await cluster.waitUntilAcknowledged(try await cluster.submit(account).block.height)
      set(cluster, 10, "node3")
      try await cluster.waitUntil("node3 to be short") { try await cluster.host("node3").status.condition == .degraded }
      for _ in 0..<20 { try await cluster.submit(Cluster.data(of: account, bytes: 100_000), at: "node2") }
      let place = try await cluster.submit(Cluster.data(of: account))
      #expect(try await cluster.ledger("node3").head.height < place.block.height)
      #expect(try await cluster.host("node3").failure == nil)
      // What it has can be read there.
      #expect(try await cluster.ledger("node3").position(of: account) != nil)
      let refused = try await code(cluster, at: "node3")
      #expect(refused == .nodeNoRoom || refused == .nodeNoMajority, "\(refused?.rawValue ?? "taken")")
      set(cluster, nil, "node3")
      try await cluster.waitUntilAcknowledged(place.block.height)
      try await cluster.submit(Cluster.account(), at: "node3")
    }
  }

  @Test func theAuthorityKnowsWhenNoMajorityHasRoom() async throws {
    try await Cluster.with { cluster in
      try await cluster.start()
      try await cluster.submit(Cluster.account())
      set(cluster, 100, "node2", "node3")
      try await cluster.waitUntil("node1 to hear of it") {
        try await cluster.host("node1").status.condition == .degraded
      }
      let reason = try #require(try await cluster.host("node1").status.reason)
      #expect(reason.contains("node2") && reason.contains("node3"))
      #expect(try await code(cluster, at: "node1") == .nodeNoRoom)
      // One with room is enough.
      set(cluster, nil, "node2")
      try await cluster.submit(Cluster.account(), at: "node1")
      try await cluster.submit(Cluster.account(), at: "node2")
    }
  }

  /// An authority that starts anew begins with a block that all of them take, full as they are.
  @Test func aNetworkWithFullDisksComesBackAfterARestartAndWritesWithRoomAgain() async throws {
    try await Cluster.with { cluster in
      try await cluster.start()
      let account = Cluster.account()
      try await cluster.waitUntilAcknowledged(try await cluster.submit(account).block.height)
      set(cluster, 40, "node1", "node2", "node3")
      for name in cluster.names { await cluster.stop(name) }
      try await cluster.start()
      try await cluster.waitUntil("node1 to lead") {
        try await cluster.host("node1").status.reason?.contains("keeps") == true
      }
      for name in cluster.names { #expect(try await cluster.ledger(name).position(of: account) != nil) }
      #expect(try await code(cluster, at: "node1") == .nodeNoRoom)
      set(cluster, nil, "node1", "node2", "node3")
      for name in cluster.names { try await cluster.submit(Cluster.account(), at: name) }
    }
  }
}
