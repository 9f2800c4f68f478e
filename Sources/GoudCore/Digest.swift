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

  private static func hex(_ digest: some Sequence<UInt8>) -> String { Hex.text(digest) }
}
