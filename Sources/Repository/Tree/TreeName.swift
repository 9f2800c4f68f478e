/// Names as a directory may hold them.
enum TreeName {
  /// What Linux lets a path have.
  static let longestPath = 4095

  /// Whether a name is one step down and nothing else: not empty, not `.` or `..`, without `/` and NUL.
  static func isPlain(_ name: [UInt8]) -> Bool {
    let dot = UInt8(ascii: ".")
    return !name.isEmpty && name.count <= longestPath && name != [dot] && name != [dot, dot]
      && !name.contains { $0 == 0 || $0 == UInt8(ascii: "/") }
  }
}
