import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// The copy of one log, kept from one look to the next; only what was added is copied again.
///
/// A log's whole records are final while its file keeps its name: the database appends, and it renames a file before it
/// uses it for another log. A log that has been followed by another is not written any more either. So it is enough to
/// go on where the last whole record ended, and to ask after each look whether the name still leads to the same file.
struct LogCopy {
  let number: UInt64
  let name: String
  let source: Descriptor
  /// Of a log that nobody writes, the log itself.
  let copy: Descriptor
  /// As of the last copying.
  private(set) var status: stat
  /// How much of the source, from its start, is in the copy.
  private(set) var size: Int64 = 0
  private(set) var scan: LogScan

  init(number: UInt64, name: String, source: Descriptor, copy: Descriptor) throws {
    (self.number, self.name, self.source, self.copy) = (number, name, source, copy)
    status = try source.status()
    scan = LogScan(number: number)
  }

  /// Copies what was added since the last time, up to the source's present size.
  /// - Returns: how many bytes that were.
  mutating func extend(_ cancellation: Cancellation) throws -> Int64 {
    status = try source.status()
    let start = scan.goBack()
    var scan = scan
    func see(_ piece: UnsafeRawBufferPointer) throws {
      try cancellation.check()
      scan.read(piece)
    }
    if isCopied {
      size = try source.copy(from: start, to: Int64(status.st_size), into: copy) { piece, _ in try see(piece) }
      try copy.resize(to: size)
    } else {
      size = try source.read(from: start, to: Int64(status.st_size), see)
    }
    scan.finish()
    self.scan = scan
    return size - start
  }

  private var isCopied: Bool { copy !== source }

  /// The log's first `size` bytes, and nothing else; what is behind them is cut off the copy.
  func beginning(_ size: Int64, _ scratch: Scratch) throws -> Descriptor {
    if !isCopied && size == self.size { return source }
    let target = try isCopied ? copy : scratch.anonymousFile()
    if !isCopied, try source.copy(from: 0, to: size, into: target) != size {
      throw GoudError(.volumeFileChanged, "\(source.path) shrank while it was read")
    }
    try target.resize(to: size)
    return target
  }

  /// Whether everything was read that the source's size announced. A log does not shrink while it is one; a read that ends
  /// early is not believed.
  var isComplete: Bool { size == Int64(status.st_size) }

  /// Whether the source, known to be the file of this name, has been given no record since it was copied: the next one
  /// would begin where the last one ends, or with the next block. A recycled file is overwritten without growing.
  func isUnchanged(_ now: stat) throws -> Bool {
    guard Int64(now.st_size) == size else { return false }
    return try !isCopied
      || source.holdsSame(as: copy, from: scan.end, to: min(size, scan.end + 2 * Int64(LogPiece.blockSize)))
  }
}
