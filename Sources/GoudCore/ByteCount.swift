import Foundation

/// A number of bytes. Printed in decimal units (1 MB = 1,000,000 bytes), as disks are sold and `df -H` shows them.
public struct ByteCount: Sendable, Hashable, Comparable, Codable, CustomStringConvertible {
  public let bytes: Int64

  public init(_ bytes: some BinaryInteger) { self.bytes = Int64(clamping: bytes) }

  public init(from decoder: any Decoder) throws { bytes = try decoder.singleValueContainer().decode(Int64.self) }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(bytes)
  }

  public static func < (left: ByteCount, right: ByteCount) -> Bool { left.bytes < right.bytes }
  public static func + (left: ByteCount, right: ByteCount) -> ByteCount { ByteCount(left.bytes + right.bytes) }
  public static func += (left: inout ByteCount, right: ByteCount) { left = left + right }
  public static let zero = ByteCount(0)

  public var description: String {
    let units = ["kB", "MB", "GB", "TB", "PB", "EB"]
    guard abs(bytes) >= 1000 else { return "\(bytes) B" }
    var value = Double(bytes)
    var unit = -1
    while abs(value) >= 999.95 && unit + 1 < units.count {
      value /= 1000
      unit += 1
    }
    return String(format: "%.1f %@", value, units[unit])
  }
}
