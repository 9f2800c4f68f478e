import Repository

/// Bytes that look random and are the same each time.
func noise(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
  var state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
  return [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
    for index in 0..<count {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      buffer[index] = UInt8(truncatingIfNeeded: state >> 24)
    }
    used = count
  }
}

/// Bytes that shrink.
func text(_ count: Int, seed: Int = 1) -> [UInt8] {
  var bytes: [UInt8] = []
  bytes.reserveCapacity(count + 64)
  var line = seed
  while bytes.count < count {
    bytes += Array("line \(line): the quick brown fox jumps over the lazy dog\n".utf8)
    line += 1
  }
  return Array(bytes.prefix(count))
}
