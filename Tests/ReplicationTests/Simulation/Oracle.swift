import Replication

struct Violation: Error, CustomStringConvertible {
  var description: String
  /// The network did not come back, but lost nothing.
  var isStandstill = false
}

/// Knows every block, its predecessor, and every block that was ever acknowledged.
final class Oracle {
  /// The acknowledged chain, by height.
  private(set) var acknowledged: [BlockID]
  private var previous: [BlockID: BlockID] = [:]

  init(genesis: BlockID) { acknowledged = [genesis] }

  var height: UInt64 { UInt64(acknowledged.count - 1) }

  func produced(_ block: BlockID, on parent: BlockID) { previous[block] = parent }

  func links(_ blocks: [BlockID], after: BlockID) -> Bool {
    var last = after
    for block in blocks {
      guard previous[block] == last else { return false }
      last = block
    }
    return true
  }

  /// A node shows everything up to `height` as acknowledged.
  func acknowledge(_ disk: Disk, from: UInt64, to height: UInt64, by name: String, authority: Bool) throws {
    for at in from...max(from, height) {
      guard let block = disk.block(at: at) else {
        throw Violation(description: "\(name) acknowledged \(at) without it")
      }
      if at <= self.height {
        let known = acknowledged[Int(at)]
        guard known == block else {
          throw Violation(
            description: "\(name) acknowledged \(block.short), but \(known.short) was acknowledged at this height")
        }
      } else {
        guard authority else { throw Violation(description: "\(name) acknowledged \(at) before the authority did") }
        guard at == self.height + 1, previous[block] == acknowledged[Int(at) - 1] else {
          throw Violation(description: "\(name) acknowledged \(block.short), which does not stand on the last one")
        }
        acknowledged.append(block)
      }
    }
  }

  /// What was acknowledged above `height` may be lost: the operator decided so.
  func forget(above height: UInt64) {
    if height < self.height { acknowledged.removeLast(Int(self.height - height)) }
  }

  /// The height up to which a chain is the acknowledged one.
  func common(with disk: Disk) -> UInt64 {
    var at = min(height, disk.head.height)
    while acknowledged[Int(at)] != disk.blocks[Int(at)] { at -= 1 }
    return at
  }
}

extension BlockID {
  /// 12@3#1a: height, epoch, serial number.
  var short: String { "\(height)@\(epoch)#\(hash.reduce(0) { $0 << 8 | UInt64($1) })" }
}
