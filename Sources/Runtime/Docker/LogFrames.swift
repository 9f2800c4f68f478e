import Foundation

/// The engine's log stream: frames of 8 bytes (stream, three zeros, length, big-endian) and text.
struct LogFrames {
  struct Frame {
    let isError: Bool
    let bytes: ArraySlice<UInt8>
  }
  private var pending: [UInt8] = []

  /// - Returns: the frames that are whole now.
  mutating func take(_ bytes: some Sequence<UInt8>) -> [Frame] {
    pending += bytes
    var frames: [Frame] = []
    var offset = 0
    while offset + 8 <= pending.count {
      let length = pending[offset + 4..<offset + 8].reduce(0) { $0 << 8 | Int($1) }
      let end = offset + 8 + length
      guard end <= pending.count else { break }
      frames.append(Frame(isError: pending[offset] == 2, bytes: pending[offset + 8..<end]))
      offset = end
    }
    pending.removeFirst(offset)
    return frames
  }

  static func lines(_ data: Data) -> [String] {
    var frames = LogFrames()
    return frames.take(data).flatMap(\.bytes).split(separator: 10).map { String(decoding: $0, as: UTF8.self) }
  }
}
