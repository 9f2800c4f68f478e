/// Bytes put aside on disk, in a file without a name: memory stays the same however many there are, and nothing is left
/// when the process is gone. Holds 256 KiB in memory; a spool that stays below that makes no file.
///
/// Filled by one thread; when that is done, any thread may read.
public final class Spool: @unchecked Sendable {
  private let directory: Descriptor
  private var file: Descriptor?
  private var buffer: [UInt8] = []
  private var flushed: Int64 = 0
  private static let held = 256 << 10

  /// - Parameter directory: where the file goes; needs room for what is put aside.
  public init(in directory: Descriptor) { self.directory = directory }

  public var count: Int64 { flushed + Int64(buffer.count) }

  /// - Returns: where the bytes begin.
  @discardableResult
  public func append(_ bytes: UnsafeRawBufferPointer) throws -> Int64 {
    let start = count
    if buffer.count + bytes.count > Self.held { try flush() }
    if bytes.count >= Self.held {
      try open().write(bytes)
      flushed += Int64(bytes.count)
    } else {
      buffer.append(contentsOf: bytes)
    }
    return start
  }

  @discardableResult
  public func append(_ bytes: [UInt8]) throws -> Int64 { try bytes.withUnsafeBytes { try append($0) } }

  private func flush() throws {
    guard !buffer.isEmpty else { return }
    try open().write(buffer)
    flushed += Int64(buffer.count)
    buffer.removeAll(keepingCapacity: true)
  }

  private func open() throws -> Descriptor {
    if let file { return file }
    let new = try Temporary.nameless(in: directory)
    file = new
    return new
  }
}

extension Spool: ByteSource {
  public func read(into target: UnsafeMutableRawBufferPointer, at offset: Int64) throws -> Int {
    var done = 0
    if offset < flushed, let file {
      let want = Int(min(Int64(target.count), flushed - offset))
      done = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: target[..<want]), at: offset)
      guard done == want else { return done }
    }
    let start = Int(offset + Int64(done) - flushed)
    guard done < target.count, start < buffer.count else { return done }
    let count = min(target.count - done, buffer.count - start)
    buffer.withUnsafeBytes {
      UnsafeMutableRawBufferPointer(rebasing: target[done...]).copyMemory(
        from: UnsafeRawBufferPointer(rebasing: $0[start..<start + count]))
    }
    return done + count
  }

  /// Exactly `count` bytes.
  /// - Throws: `io.failed` when they are not there.
  public func bytes(at offset: Int64, count: Int) throws -> [UInt8] {
    var result = [UInt8](repeating: 0, count: count)
    guard try result.withUnsafeMutableBytes({ try read(into: $0, at: offset) }) == count else {
      throw GoudError(.ioFailed, "what was put aside in \(directory.path) is not there any more")
    }
    return result
  }
}

/// Records put aside on disk, in order.
public final class RecordSpool: Sendable {
  private let spool: Spool
  private static let mark = 8

  public var isEmpty: Bool { spool.count == 0 }

  public init(in directory: Descriptor) { spool = Spool(in: directory) }

  /// - Returns: where the record is.
  @discardableResult
  public func append(_ record: [UInt8]) throws -> Int64 {
    let mark = withUnsafeBytes(of: Int64(record.count).littleEndian) { Array($0) }
    return try spool.append(mark + record + mark)
  }

  public func record(at offset: Int64) throws -> [UInt8] {
    try spool.bytes(at: offset + Int64(Self.mark), count: Int(try length(at: offset)))
  }

  public func each(_ body: ([UInt8]) throws -> Void) throws {
    var offset: Int64 = 0
    while let record = try next(&offset) { try body(record) }
  }

  /// The record at `offset`, which then is where the next one is; nil behind the last. Records may be added meanwhile.
  public func next(_ offset: inout Int64) throws -> [UInt8]? {
    guard offset < spool.count else { return nil }
    let record = try record(at: offset)
    offset += Int64(record.count + 2 * Self.mark)
    return record
  }

  public func eachReversed(_ body: ([UInt8]) throws -> Void) throws {
    var end = spool.count
    while end > 0 {
      let start = end - (try length(at: end - Int64(Self.mark))) - Int64(2 * Self.mark)
      try body(try record(at: start))
      end = start
    }
  }

  private func length(at offset: Int64) throws -> Int64 {
    try spool.bytes(at: offset, count: Self.mark).withUnsafeBytes {
      Int64(littleEndian: $0.loadUnaligned(as: Int64.self))
    }
  }
}
