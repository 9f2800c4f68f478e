import Replication

/// A volume: what is written, and how much of it survives a crash. Writes are in order, so what survives is a prefix.
final class Disk: ChainReader {
  private(set) var blocks: [BlockID]
  private(set) var acknowledged: UInt64
  /// How many of `blocks` are synced.
  private(set) var durable: Int
  private var durableAcknowledged: UInt64
  var promise: Epoch
  private(set) var record: StandingRecord
  private(set) var serial: UInt64
  /// Holds blocks of a beginning that the network has left behind.
  var leftOut = false

  init(
    blocks: [BlockID], acknowledged: UInt64 = 0, promise: Epoch = .none, record: StandingRecord = .absent,
    serial: UInt64 = 0
  ) {
    self.serial = serial
    self.blocks = blocks
    self.acknowledged = acknowledged
    self.promise = promise
    self.record = record
    durable = blocks.count
    durableAcknowledged = acknowledged
  }

  var head: BlockID { blocks[blocks.count - 1] }
  func block(at height: UInt64) -> BlockID? { height < UInt64(blocks.count) ? blocks[Int(height)] : nil }

  func append(_ block: BlockID) { blocks.append(block) }

  /// Synced, as `Action` demands.
  func truncate(above height: UInt64) {
    blocks.removeLast(blocks.count - Int(height) - 1)
    durable = blocks.count
    durableAcknowledged = acknowledged
  }

  func acknowledge(_ height: UInt64) { acknowledged = height }

  var isSynced: Bool { durable == blocks.count }

  /// Syncs some of what is written.
  func sync(_ random: inout Random) -> BlockID {
    durable += 1 + random.below(blocks.count - durable)
    if random.chance(500) { durableAcknowledged = min(acknowledged, UInt64(durable - 1)) }
    return blocks[durable - 1]
  }

  /// Some of what was not synced may have reached the disk nevertheless.
  /// - Parameter power: false: only the process ends, and what it wrote is there.
  func crash(_ random: inout Random, power: Bool = true) {
    guard power else {
      durable = blocks.count
      return
    }
    blocks.removeLast(random.below(blocks.count - durable + 1))
    if random.chance(500) { acknowledged = durableAcknowledged }
    acknowledged = min(acknowledged, UInt64(blocks.count - 1))
    durable = blocks.count
    durableAcknowledged = acknowledged
  }

  /// What was synced, with the record.
  func image() -> Disk {
    let image = Disk(
      blocks: Array(blocks.prefix(durable)), acknowledged: min(durableAcknowledged, UInt64(durable - 1)),
      promise: promise, record: record, serial: serial)
    image.leftOut = leftOut
    return image
  }

  /// An older database under the present standing, or the other way around.
  func replacing(databaseBy old: Disk) -> Disk {
    Disk(blocks: old.blocks, acknowledged: old.acknowledged, promise: old.promise, record: record, serial: serial)
  }

  /// - Parameter serial: higher than that of any standing before.
  func write(_ record: StandingRecord, serial: UInt64) { (self.record, self.serial) = (record, serial) }

  /// As a backup sees it while the node runs: without the record.
  func copy() -> Disk { Disk(blocks: blocks, acknowledged: acknowledged, promise: promise) }

  var state: DurableState {
    DurableState(promise: promise, standing: record, acknowledged: acknowledged, serial: serial)
  }
}
