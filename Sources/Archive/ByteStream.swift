import CISAL
import CLibZstd
import Foundation
import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// Bytes that come in order, once.
protocol ByteStream: AnyObject {
  /// The next bytes, valid until the next call; nil at the end. Never empty.
  func next() throws -> UnsafeRawBufferPointer?
}

/// What an archive's first bytes say about its compression.
enum Coding {
  case gzip, zstd, plain

  init(_ head: UnsafeRawBufferPointer) {
    let magic = head.prefix(4).enumerated().reduce(UInt32(0)) { $0 | UInt32($1.element) << (8 * UInt32($1.offset)) }
    if magic & 0xffff == 0x8b1f {
      self = .gzip
    } else if magic == 0xfd2f_b528 || magic & 0xffff_fff0 == 0x184d_2a50 {
      self = .zstd
    } else {
      self = .plain
    }
  }
}

/// An archive from its start to its end, hashed on the way. Asks the device for one buffer more than it hands out.
final class FileStream: ByteStream {
  private let source: any ArchiveBytes
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 4096)
  private let cancellation: Cancellation
  private let progress: any ProgressSink
  private(set) var offset: Int64 = 0
  private var digest = Digest()

  init(_ source: any ArchiveBytes, cancellation: Cancellation, progress: any ProgressSink) {
    self.source = source
    self.cancellation = cancellation
    self.progress = progress
  }

  deinit { buffer.deallocate() }

  func next() throws -> UnsafeRawBufferPointer? {
    try cancellation.check()
    let count = try source.read(into: buffer, at: offset)
    guard count > 0 else { return nil }
    let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
    digest.update(bytes)
    offset += Int64(count)
    progress.advance(count)
    return bytes
  }

  /// The SHA-256 of what was read.
  func sha256() -> String { digest.hex() }
}

/// Unpacks gzip (one member or many) or zstd from any stream, on the caller's thread; passes plain data on.
final class DecodingStream: ByteStream {
  private let source: any ByteStream
  private let output = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
  private var input = UnsafeRawBufferPointer(start: nil, count: 0)
  private let decoder: (any StreamDecoder)?
  private var inside = false

  /// - Parameter head: the first bytes of `source`, already taken from it.
  init(_ coding: Coding, _ source: any ByteStream, head: UnsafeRawBufferPointer) {
    self.source = source
    input = head
    decoder =
      switch coding {
      case .gzip: GzipDecoder()
      case .zstd: ZstdDecoder()
      case .plain: nil
      }
  }

  deinit { output.deallocate() }

  func next() throws -> UnsafeRawBufferPointer? {
    while true {
      if input.isEmpty {
        guard let more = try source.next() else {
          if inside { throw GoudError(.archiveCorrupt, "the compressed data ends too early") }
          return nil
        }
        input = more
      }
      guard let decoder else {
        defer { input = UnsafeRawBufferPointer(start: nil, count: 0) }
        return input
      }
      inside = true
      let step = try decoder.decode(input, into: output)
      input = UnsafeRawBufferPointer(rebasing: input[step.taken...])
      if step.ended { inside = false }
      if step.given > 0 { return UnsafeRawBufferPointer(rebasing: output[..<step.given]) }
    }
  }
}

/// A decoder of one compressed format, fed piece by piece.
protocol StreamDecoder: AnyObject {
  /// - Returns: bytes taken from `input`, bytes put into `output`, and whether a member or frame just ended.
  func decode(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws -> (taken: Int, given: Int, ended: Bool)
}

final class GzipDecoder: StreamDecoder {
  private let state = UnsafeMutablePointer<inflate_state>.allocate(capacity: 1)

  init() { reset() }

  deinit { state.deallocate() }

  private func reset() {
    isal_inflate_init(state)
    state.pointee.crc_flag = UInt32(ISAL_GZIP)
  }

  func decode(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws -> (taken: Int, given: Int, ended: Bool) {
    state.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress!.assumingMemoryBound(to: UInt8.self))
    state.pointee.avail_in = UInt32(input.count)
    state.pointee.next_out = output.baseAddress!.assumingMemoryBound(to: UInt8.self)
    state.pointee.avail_out = UInt32(output.count)
    let result = isal_inflate(state)
    guard result == ISAL_DECOMP_OK || result == ISAL_END_INPUT || result == ISAL_OUT_OVERFLOW else {
      throw GoudError(.archiveCorrupt, "the gzip data is damaged")
    }
    let taken = input.count - Int(state.pointee.avail_in)
    let given = output.count - Int(state.pointee.avail_out)
    let ended = state.pointee.block_state == ISAL_BLOCK_FINISH
    if ended { reset() }
    guard taken > 0 || given > 0 || ended else { throw GoudError(.archiveCorrupt, "the gzip data is damaged") }
    return (taken, given, ended)
  }
}

final class ZstdDecoder: StreamDecoder {
  private let context = ZSTD_createDStream()

  deinit { ZSTD_freeDStream(context) }

  func decode(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws -> (taken: Int, given: Int, ended: Bool) {
    var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
    var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
    let result = ZSTD_decompressStream(context, &target, &source)
    guard ZSTD_isError(result) == 0, source.pos > 0 || target.pos > 0 else {
      throw GoudError(.archiveCorrupt, "the zstd data is damaged")
    }
    return (source.pos, target.pos, result == 0)
  }
}
