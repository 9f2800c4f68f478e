import CISAL
import CLibZstd
import Foundation
import GoudCore

/// Makes of a block of tar stream a piece of the archive that stands alone: a gzip member, a zstd frame, or itself.
/// Standing alone, pieces are made and read by several threads at once.
protocol BlockCompressor: Sendable {
  /// Compresses `input` into `output`, which is empty and has `Block.capacity` bytes.
  func compress(_ input: Block, into output: Block) throws
}

extension Compression {
  func makeCompressor() -> (any BlockCompressor)? {
    switch self {
    case .gzip: GzipCompressor()
    case .zstd: ZstdCompressor()
    case .none: nil
    }
  }
}

/// One gzip member a block (RFC 1952), by ISA-L, with its own length and that of its data in an extra field `GD`, so
/// that a reader finds the next member without unpacking this one. `gzip`, `tar` and `pigz` pass over the field.
struct GzipCompressor: BlockCompressor {
  /// Fixed part 10, extra field 2 + 4 + 8.
  static let headerSize = 24
  /// CRC-32 and length.
  static let trailerSize = 8
  private static let sample = 32 << 10

  func compress(_ input: Block, into output: Block) throws {
    let limit = Self.headerSize + input.count + input.count / 65535 * 5 + 5 + Self.trailerSize
    output.count = Self.headerSize
    if try !isWorthIt(input, output) || !deflate(input.content, into: output, limit: limit - Self.trailerSize) {
      output.count = Self.headerSize
      store(input.content, into: output)
    }
    var trailer: [UInt8] = []
    let base = input.content.baseAddress!.assumingMemoryBound(to: UInt8.self)
    trailer += crc32_gzip_refl(0, base, UInt64(input.count)).littleEndianBytes
    trailer += UInt32(input.count).littleEndianBytes
    trailer.withUnsafeBytes(output.append)
    writeHeader(output, data: input.count)
  }

  /// Whether a piece from the middle shrinks by 3 % at least; data that is compressed already does not.
  private func isWorthIt(_ input: Block, _ output: Block) throws -> Bool {
    guard input.count > 4 * Self.sample else { return true }
    let start = input.count / 2
    let piece = UnsafeRawBufferPointer(rebasing: input.content[start..<start + Self.sample])
    defer { output.count = Self.headerSize }
    let fits = try deflate(piece, into: output, limit: Self.headerSize + Self.sample - Self.sample / 32)
    return fits
  }

  /// - Returns: false when the result would not fit below `limit`.
  private func deflate(_ input: UnsafeRawBufferPointer, into output: Block, limit: Int) throws -> Bool {
    var stream = isal_zstream()
    isal_deflate_stateless_init(&stream)
    let buffer = UnsafeMutablePointer<UInt8>.allocate(capacity: Self.levelBuffer)
    defer { buffer.deallocate() }
    stream.level = 1
    stream.level_buf = buffer
    stream.level_buf_size = UInt32(Self.levelBuffer)
    stream.end_of_stream = 1
    stream.flush = UInt16(NO_FLUSH)
    stream.gzip_flag = UInt16(IGZIP_DEFLATE)
    stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress!.assumingMemoryBound(to: UInt8.self))
    stream.avail_in = UInt32(input.count)
    stream.next_out = output.bytes.baseAddress!.advanced(by: output.count).assumingMemoryBound(to: UInt8.self)
    stream.avail_out = UInt32(limit - output.count)
    switch isal_deflate_stateless(&stream) {
    case COMP_OK where stream.avail_in == 0:
      output.count += Int(stream.total_out)
      return true
    case STATELESS_OVERFLOW, COMP_OK: return false
    case let code: throw GoudError(.internalFault, "deflate failed with \(code)")
    }
  }

  /// Stored blocks of at most 65,535 bytes.
  private func store(_ input: UnsafeRawBufferPointer, into output: Block) {
    var offset = 0
    repeat {
      let length = min(65535, input.count - offset)
      let last: UInt8 = offset + length == input.count ? 1 : 0
      let size = UInt16(length)
      let head = [last, UInt8(size & 255), UInt8(size >> 8), UInt8(~size & 255), UInt8(~size >> 8)]
      head.withUnsafeBytes(output.append)
      if length > 0 { output.append(UnsafeRawBufferPointer(rebasing: input[offset..<offset + length])) }
      offset += length
    } while offset < input.count
  }

  private func writeHeader(_ output: Block, data: Int) {
    let fixed: [UInt8] = [0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255, 12, 0, UInt8(ascii: "G"), UInt8(ascii: "D"), 8, 0]
    let header = fixed + UInt32(output.count).littleEndianBytes + UInt32(data).littleEndianBytes
    output.bytes.copyBytes(from: header)
  }

  /// ISAL_DEF_LVL1_LARGE
  private static let levelBuffer = 512 << 10
}

/// One zstd frame a block (RFC 8878), level 1, with content size and checksum; libzstd stores what does not shrink.
struct ZstdCompressor: BlockCompressor {
  func compress(_ input: Block, into output: Block) throws {
    guard let context = ZSTD_createCCtx() else { throw GoudError(.internalFault, "zstd: no memory") }
    defer { ZSTD_freeCCtx(context) }
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, 1)
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
    let result = ZSTD_compress2(
      context, output.bytes.baseAddress!, Block.capacity, input.content.baseAddress!, input.count)
    guard ZSTD_isError(result) == 0 else {
      throw GoudError(.internalFault, "zstd: \(String(cString: ZSTD_getErrorName(result)))")
    }
    output.count = result
  }
}

extension UInt32 {
  var littleEndianBytes: [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: self >> (8 * $0)) } }
}
