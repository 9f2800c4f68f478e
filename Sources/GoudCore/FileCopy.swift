#if canImport(Glibc)
  import Glibc
#endif

/// Copies whose bytes were seen: read, written, read back and compared, a piece at a time.
///
/// No `copy_file_range`: kernels and file systems have answered 0 in the middle of a file, delivered zeros, and refused
/// what they can read. In pieces that fit the processor's cache, reading and writing takes as long (docs/decisions/0010).
extension Descriptor {
  /// The size of a copy's pieces.
  public static let copyPiece = 256 << 10

  /// Copies bytes `from` to `to` of this file to the same places of `target`.
  /// - Parameter seeing: gets each piece and where it lies, in order; all but the last have `copyPiece` bytes.
  /// - Returns: where the copy ends: `to`, or the end of this file if that comes first.
  /// - Throws: `io.failed` when `target` does not hold what was written to it.
  public func copy(
    from: Int64, to: Int64, into target: Descriptor,
    seeing: (UnsafeRawBufferPointer, Int64) throws -> Void = { _, _ in }
  ) throws -> Int64 {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 * Self.copyPiece, alignment: 4096)
    defer { buffer.deallocate() }
    let mine = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Self.copyPiece])
    let back = UnsafeMutableRawBufferPointer(rebasing: buffer[Self.copyPiece...])
    var offset = from
    while offset < to {
      let want = Int(min(to - offset, Int64(Self.copyPiece)))
      let got = try read(into: .init(rebasing: mine[..<want]), at: offset)
      let piece = UnsafeRawBufferPointer(rebasing: mine[..<got])
      try target.write(piece, at: offset)
      guard try target.read(into: .init(rebasing: back[..<got]), at: offset) == got,
        memcmp(back.baseAddress!, piece.baseAddress!, got) == 0
      else {
        throw GoudError(.ioFailed, "the copy of \(path) in \(target.path) does not hold what was written to it")
      }
      try seeing(piece, offset)
      offset += Int64(got)
      if got < want { break }
    }
    return offset
  }

  /// Reads bytes `from` to `to` of this file.
  /// - Parameter body: gets each piece, in order; all but the last have `copyPiece` bytes.
  /// - Returns: where the reading ends: `to`, or the end of this file if that comes first.
  public func read(from: Int64, to: Int64, _ body: (UnsafeRawBufferPointer) throws -> Void) throws -> Int64 {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.copyPiece, alignment: 4096)
    defer { buffer.deallocate() }
    var offset = from
    while offset < to {
      let want = Int(min(to - offset, Int64(Self.copyPiece)))
      let got = try read(into: .init(rebasing: buffer[..<want]), at: offset)
      try body(UnsafeRawBufferPointer(rebasing: buffer[..<got]))
      offset += Int64(got)
      if got < want { break }
    }
    return offset
  }

  /// Whether bytes `from` to `to` of both files are the same; beyond both ends nothing is.
  public func holdsSame(as other: Descriptor, from: Int64, to: Int64) throws -> Bool {
    var mine = [UInt8](repeating: 0, count: Self.copyPiece)
    var theirs = mine
    for offset in stride(from: from, to: to, by: Self.copyPiece) {
      let want = Int(min(to - offset, Int64(Self.copyPiece)))
      let got = try mine.withUnsafeMutableBytes { try read(into: .init(rebasing: $0[..<want]), at: offset) }
      let same = try theirs.withUnsafeMutableBytes { try other.read(into: .init(rebasing: $0[..<want]), at: offset) }
      guard got == same, mine[..<got] == theirs[..<got] else { return false }
    }
    return true
  }

  /// Writes all of `bytes` at `offset`.
  public func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws {
    var done = 0
    while done < bytes.count {
      let count = pwrite(fd, bytes.baseAddress! + done, bytes.count - done, off_t(offset) + off_t(done))
      if count < 0 {
        if errno == EINTR { continue }
        throw GoudError.system("write", path)
      }
      guard count > 0 else { throw GoudError(.ioFailed, "write \(path): nothing was taken") }
      done += count
    }
  }

  /// Cuts or extends the file to `size` bytes.
  public func resize(to size: Int64) throws {
    while ftruncate(fd, off_t(size)) != 0 {
      if errno != EINTR { throw GoudError.system("truncate", path) }
    }
  }
}
