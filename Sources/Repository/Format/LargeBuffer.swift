#if canImport(Glibc)
  import Glibc
#endif

/// Memory of many MiB, which is new each time: the C library gives what is larger than 32 MiB back to the system at once.
enum LargeBuffer {
  /// Asks for pages of 2 MiB before anything is written: the first touch of 4 KiB pages costs as much as sealing does.
  /// Where the system has none, nothing changes.
  static func prepare(_ buffer: UnsafeMutableRawBufferPointer) {
    guard buffer.count >= 4 * page, let base = buffer.baseAddress else { return }
    let start = UnsafeMutableRawPointer(
      bitPattern: (UInt(bitPattern: base) + UInt(page) - 1) / UInt(page) * UInt(page))!
    madvise(start, (base + buffer.count - start) / page * page, MADV_HUGEPAGE)
  }

  private static let page = 2 << 20
}
