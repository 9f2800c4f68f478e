import GoudCore

/// The digests of an archive's files, by their number in it: 32 bytes for each, in pieces that are never copied.
struct FileDigests {
  private static let pieceCount = 1 << 15
  private var pieces: [[UInt8]] = []
  /// Whether the file has holes, and whether a line was found for it.
  private var marks: [[UInt8]] = []
  private(set) var count = 0

  mutating func set(_ sha256: String, hasHoles: Bool, at number: Int) {
    let piece = number / Self.pieceCount
    while pieces.count <= piece {
      pieces.append([UInt8](repeating: 0, count: Self.pieceCount * 32))
      marks.append([UInt8](repeating: 0, count: Self.pieceCount))
    }
    let start = number % Self.pieceCount * 32
    for (index, byte) in (Hex.bytes(sha256) ?? []).enumerated() { pieces[piece][start + index] = byte }
    marks[piece][number % Self.pieceCount] = hasHoles ? 1 : 0
    count = max(count, number + 1)
  }

  func sha256(at number: Int) -> String {
    let start = number % Self.pieceCount * 32
    return Hex.text(pieces[number / Self.pieceCount][start..<start + 32])
  }

  func hasHoles(_ number: Int) -> Bool { marks[number / Self.pieceCount][number % Self.pieceCount] == 1 }
}

/// `CHECKSUMS.sha256` against the files that came before it, line by line as it comes.
struct ChecksumComparison {
  private var line: [UInt8] = []
  private var covered: [Bool] = []
  private var uncompared = false
  private var fault: GoudError?

  /// Longer is no line: a name of 4,095 bytes, each escaped, and what stands before it.
  private static let longestLine = 2 * EntryNames.longestPath + 128

  mutating func read(_ piece: UnsafeRawBufferPointer, _ digests: FileDigests, _ names: EntryNames) {
    var rest = piece[...]
    while fault == nil, let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
      line += rest[..<end]
      rest = rest[(end + 1)...]
      compare(digests, names)
      line.removeAll(keepingCapacity: true)
    }
    if line.count + rest.count > Self.longestLine {
      fault = fault ?? GoudError(.archiveCorrupt, "CHECKSUMS.sha256 has a line that is none")
    }
    if fault == nil { line += rest }
  }

  mutating func finish(_ digests: FileDigests, _ names: EntryNames) {
    if fault == nil { compare(digests, names) }
  }

  /// - Returns: false when a file's line cannot be compared: its holes were filled by whoever packed it again.
  /// - Throws: what the first line that is wrong says; `archive.corrupt` for files without a line.
  func result(_ digests: FileDigests) throws -> Bool {
    if let fault { throw fault }
    let count = covered.count { $0 }
    guard count == digests.count else {
      throw GoudError(
        .archiveCorrupt, "CHECKSUMS.sha256 does not cover \(digests.count - count) of \(digests.count) files")
    }
    return !uncompared
  }

  private mutating func compare(_ digests: FileDigests, _ names: EntryNames) {
    do {
      guard let found = try Checksums.read(line[...]) else { return }
      guard case .file(let number) = names.kind(of: found.name), number < digests.count else {
        throw Self.lacking(found.name)
      }
      if covered.isEmpty { covered = [Bool](repeating: false, count: digests.count) }
      guard !covered[number] else {
        throw GoudError(.archiveCorrupt, "CHECKSUMS.sha256 names \(found.name) twice")
      }
      covered[number] = true
      if found.hasHoles && !digests.hasHoles(number) {
        uncompared = true
      } else if digests.hasHoles(number) != found.hasHoles || digests.sha256(at: number) != found.sha256 {
        throw Self.mismatch(found.name)
      }
    } catch {
      fault = error as? GoudError ?? GoudError(.archiveCorrupt, "\(error)")
    }
  }

  static func lacking(_ name: String) -> GoudError {
    GoudError(.archiveCorrupt, "the archive lacks \(name), which CHECKSUMS.sha256 names")
  }

  static func mismatch(_ name: String) -> GoudError {
    GoudError(
      .archiveChecksumMismatch, "\(name) does not have the content that its checksum states",
      hint: "use another backup, or fetch this one again", context: ["file": name])
  }
}
