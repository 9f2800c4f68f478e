import CLibZstd
import GoudCore
import Synchronization

/// zstd frames (RFC 8878) as the format has them: any legal ones when reading; without a checksum when writing, for what
/// is in them has one of its own.
enum Zstd {
  /// What is written: fast, and about what restic's default gives on tables and logs.
  static let level: Int32 = 1

  /// - Returns: nil when it would not get smaller, or hardly: a large input is judged by a sixteenth of it, as a try on
  ///   all of it would cost a tenth of everything that is done with it.
  static func compress(_ input: UnsafeRawBufferPointer) -> [UInt8]? {
    guard isWorthIt(input) else { return nil }
    let output = compressAlways(input)
    return output.count < input.count ? output : nil
  }

  static func compressAlways(_ input: UnsafeRawBufferPointer) -> [UInt8] {
    let capacity = ZSTD_compressBound(input.count)
    let context = contexts.take()
    defer { contexts.give(context) }
    return [UInt8](unsafeUninitializedCapacity: capacity) { buffer, used in
      used = ZSTD_compressCCtx(context.pointer, buffer.baseAddress, capacity, input.baseAddress, input.count, level)
      // With room for everything it can fail for want of memory only.
      precondition(ZSTD_isError(used) == 0, "zstd: \(String(cString: ZSTD_getErrorName(used)))")
    }
  }

  /// What `frames` hold, which is exactly `count` bytes.
  /// - Returns: nil when it is not.
  static func decompress(_ frames: UnsafeRawBufferPointer, count: Int) -> [UInt8]? {
    var isWhole = false
    let plain = [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
      let result = ZSTD_decompress(buffer.baseAddress, count, frames.baseAddress, frames.count)
      isWhole = ZSTD_isError(result) == 0 && result == count
      used = isWhole ? count : 0
    }
    return isWhole ? plain : nil
  }

  /// What `frames` hold, however much it is.
  /// - Returns: nil when they are broken, or hold more than `limit` bytes.
  static func decompress(_ frames: UnsafeRawBufferPointer, limit: Int) -> [UInt8]? {
    guard let stream = ZSTD_createDStream() else { return nil }
    defer { ZSTD_freeDStream(stream) }
    var input = ZSTD_inBuffer(src: frames.baseAddress, size: frames.count, pos: 0)
    var plain: [UInt8] = []
    var rest = 1
    let step = max(128 << 10, ZSTD_DStreamOutSize())
    while input.pos < input.size || rest > 0 {
      let before = (input.pos, plain.count)
      let piece = [UInt8](unsafeUninitializedCapacity: step) { buffer, used in
        var output = ZSTD_outBuffer(dst: buffer.baseAddress, size: step, pos: 0)
        rest = ZSTD_decompressStream(stream, &output, &input)
        used = ZSTD_isError(rest) == 0 ? output.pos : 0
      }
      guard ZSTD_isError(rest) == 0, plain.count + piece.count <= limit else { return nil }
      plain += piece
      // A frame that is cut off asks for more for ever.
      guard (input.pos, plain.count) != before || rest == 0 else { return nil }
    }
    return plain
  }

  /// Whether pieces from all over it shrink by a fiftieth at least.
  private static func isWorthIt(_ input: UnsafeRawBufferPointer) -> Bool {
    let piece = 32 << 10
    guard input.count >= 16 * piece else { return !input.isEmpty }
    let pieces = input.count / (16 * piece)
    let context = contexts.take()
    defer { contexts.give(context) }
    return withUnsafeTemporaryAllocation(byteCount: ZSTD_compressBound(piece), alignment: 16) { output in
      var total = 0
      for index in 0..<pieces {
        let start = input.baseAddress! + (input.count - piece) / max(1, pieces - 1) * index
        let result = ZSTD_compressCCtx(context.pointer, output.baseAddress, output.count, start, piece, level)
        total += ZSTD_isError(result) == 0 ? result : piece
      }
      return total < pieces * piece / 50 * 49
    }
  }

  private static let contexts = Contexts()

  /// Making one takes longer than compressing a small blob with it.
  private final class Contexts: Sendable {
    private let free = Mutex<[Context]>([])
    private static let kept = 16

    func take() -> Context { free.withLock { $0.popLast() } ?? Context() }

    func give(_ context: Context) { free.withLock { if $0.count < Self.kept { $0.append(context) } } }
  }

  private final class Context: @unchecked Sendable {
    let pointer: OpaquePointer

    init() {
      guard let pointer = ZSTD_createCCtx() else { fatalError("zstd: no memory") }
      self.pointer = pointer
    }

    deinit { ZSTD_freeCCtx(pointer) }
  }
}
