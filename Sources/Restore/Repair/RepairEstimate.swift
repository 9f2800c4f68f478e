import Foundation
import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// How long a way of rebuilding a volume will take, with what the number stands on.
public struct RepairEstimate: Sendable, Codable, Equatable {
  public let seconds: Double
  /// `120000 blocks at 9500 blocks/s`
  public let basis: String

  /// Every block of the network, at the pace at which this machine reads and checks them.
  /// - Returns: nil when height or pace are not known here.
  static func peers(_ sight: NetworkSight) -> RepairEstimate? {
    guard let height = sight.height, let pace = sight.blocksPerSecond else { return nil }
    return RepairEstimate(
      seconds: Double(height) / pace, basis: "\(height) blocks at \(Int(pace)) blocks/s, as measured here")
  }

  /// The volume's bytes at the pace at which a piece of the archive is read, hashed and written here; then the proof of
  /// its blocks, and those that are newer from the peers.
  static func backup(_ backup: RepairBackup, _ sight: NetworkSight, into directory: String) throws -> RepairEstimate {
    let rate = try measure(backup.path, directory)
    var seconds = Double(backup.bytes.bytes) / rate
    var basis = "\(backup.bytes) at \(ByteCount(Int64(rate)))/s"
    if let pace = sight.blocksPerSecond {
      let newer = UInt64(max(0, Int64(clamping: sight.height ?? 0) - backup.height))
      seconds += Double(newer + UInt64(backup.height)) / pace
      basis += ", \(backup.height) blocks to prove and \(newer) newer ones from peers at \(Int(pace)) blocks/s"
    }
    return RepairEstimate(seconds: seconds, basis: "\(basis), as measured here")
  }

  private static let sample = 16 << 20

  /// Bytes a second. The copy is gone when this returns.
  private static func measure(_ archive: String, _ directory: String) throws -> Double {
    let source = try Descriptor.open(archive, O_RDONLY)
    let target = try AtomicFile(path: "\(directory)/.goud-measured")
    var hash = Digest()
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    var done = 0
    let began = ContinuousClock.now
    while done < sample {
      let count = try buffer.withUnsafeMutableBytes { try source.read(into: $0, at: Int64(done)) }
      if count == 0 { break }
      try buffer.withUnsafeBytes {
        let piece = UnsafeRawBufferPointer(rebasing: $0[..<count])
        hash.update(piece)
        try target.file.write(piece)
      }
      done += count
    }
    _ = hash.hex()
    try target.file.synchronize()
    return Double(max(done, 1)) / max((ContinuousClock.now - began).seconds, 0.000_001)
  }
}

/// A backup that a volume can be rebuilt from.
struct RepairBackup {
  let path: String
  /// Of the volume, unpacked.
  let bytes: ByteCount
  /// Of the volume's chain; 0 when the backup does not say. Not below 0.
  let height: Int64
}
