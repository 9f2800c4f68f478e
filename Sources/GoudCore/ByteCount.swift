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
  /// Sums and products end at the largest number there is: an archive may claim any size, and a claim must not end the
  /// process.
  public static func + (left: ByteCount, right: ByteCount) -> ByteCount {
    let (sum, overflow) = left.bytes.addingReportingOverflow(right.bytes)
    return ByteCount(overflow ? (right.bytes < 0 ? Int64.min : Int64.max) : sum)
  }
  public static func * (left: ByteCount, right: some BinaryInteger) -> ByteCount {
    let (product, overflow) = left.bytes.multipliedReportingOverflow(by: Int64(clamping: right))
    return ByteCount(overflow ? ((left.bytes < 0) != (right < 0) ? Int64.min : Int64.max) : product)
  }
  public static func += (left: inout ByteCount, right: ByteCount) { left = left + right }
  public static let zero = ByteCount(0)

  public var description: String {
    let units = ["kB", "MB", "GB", "TB", "PB", "EB"]
    guard bytes.magnitude >= 1000 else { return "\(bytes) B" }
    var value = Double(bytes)
    var unit = -1
    while abs(value) >= 999.95 && unit + 1 < units.count {
      value /= 1000
      unit += 1
    }
    return String(format: "%.1f %@", value, units[unit])
  }
}

extension Sequence<ByteCount> {
  public var sum: ByteCount { reduce(.zero, +) }
}
