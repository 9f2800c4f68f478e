import Foundation

/// Moments as text: RFC 3339, UTC, milliseconds.
enum Timestamp {
  static func text(milliseconds: UInt64) -> String {
    // The years that have four digits; a block's time is another's word.
    let seconds = Date(timeIntervalSince1970: Double(min(milliseconds / 1000, 253_402_300_799)))
    let fraction = "\(1000 + milliseconds % 1000)".dropFirst()
    return seconds.formatted(.iso8601).dropLast() + ".\(fraction)Z"
  }

  /// Now, in milliseconds since 1970.
  static func now() -> UInt64 { UInt64(max(0, Date().timeIntervalSince1970 * 1000)) }
}
