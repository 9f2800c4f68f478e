import Crypto
import Foundation

/// SHA-256 over a stream.
public struct Digest: Sendable {
  private var state = SHA256()

  public init() {}

  public mutating func update(_ bytes: UnsafeRawBufferPointer) { state.update(bufferPointer: bytes) }
  public mutating func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { state.update(bufferPointer: $0) } }

  /// 64 lower-case hexadecimal digits, as `sha256sum` prints them.
  public func hex() -> String { Self.hex(state.finalize()) }

  public static func hex(of bytes: [UInt8]) -> String { hex(SHA256.hash(data: bytes)) }

  private static func hex(_ digest: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for byte in digest { text += [digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
    return String(decoding: text, as: UTF8.self)
  }
}
