import Archive
import GoudCore

/// The files of one volume while they are made of a commit's blobs and a tail's pieces. For one thread at a time.
final class CommitFiles: @unchecked Sendable {
  private struct Log {
    let entry: FileEntry
    let size: Int64
    /// nil: not begun yet.
    var file: VolumeBuilder.PausedFile?
    var offset: Int64 = 0
  }

  private let builder: VolumeBuilder
  private let volume: String
  private let progress: any ProgressSink
  private var open: (entry: FileEntry, size: Int64)?
  private var offset: Int64 = 0
  /// What the tail goes on with, by path.
  private var logs: [String: Log] = [:]

  init(_ builder: VolumeBuilder, _ volume: String, _ progress: any ProgressSink) {
    self.builder = builder
    self.volume = volume
    self.progress = progress
  }

  // MARK: One after the other

  func begin(_ entry: FileEntry) throws {
    try builder.entry(entry, of: volume)
    guard case .file(let size) = entry.kind else { return }
    open = (entry, size)
    offset = 0
  }

  /// A file that is on this machine already, open.
  func take(_ entry: FileEntry, _ file: Descriptor) throws {
    guard case .file(let size) = entry.kind else { return }
    if try builder.adopt(file, as: entry, of: volume) {
      progress.advance(Int(size))
      return
    }
    try begin(entry)
    while offset < size {
      let count = Int(min(size - offset, 4 << 20))
      let bytes = try [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
        used = try file.read(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
      }
      guard bytes.count == count else { throw Self.wrongSize(entry) }
      try write(bytes)
    }
    try end()
  }

  func write(_ bytes: [UInt8]) throws {
    guard let open else { return }
    let piece = offset..<offset + Int64(bytes.count)
    guard piece.upperBound <= open.size else { throw Self.wrongSize(open.entry) }
    for extent in open.entry.data where extent.overlaps(piece) {
      let part = extent.clamped(to: piece)
      try bytes.withUnsafeBytes {
        let from = Int(part.lowerBound - piece.lowerBound)
        try builder.data(UnsafeRawBufferPointer(rebasing: $0[from..<from + part.count]), at: part.lowerBound)
      }
    }
    offset = piece.upperBound
    progress.advance(bytes.count)
  }

  func end() throws {
    guard let open else { return }
    guard offset == open.size else { throw Self.wrongSize(open.entry) }
    try builder.endFile()
    self.open = nil
  }

  // MARK: Logs that grow together

  /// The tail goes on with the file that was begun.
  func pause() throws {
    guard let open else { return }
    // What is whole waits for nothing.
    guard offset < open.size else { return try end() }
    logs[open.entry.path] = Log(entry: open.entry, size: open.size, file: builder.pause(), offset: offset)
    self.open = nil
  }

  /// A log that begins in the tail.
  func expect(_ entry: FileEntry) throws {
    guard case .file(let size) = entry.kind else { return }
    guard size > 0 else {
      try begin(entry)
      return try end()
    }
    logs[entry.path] = Log(entry: entry, size: size)
  }

  /// A log that is whole with it is ended.
  func append(_ bytes: [UInt8], to path: String) throws {
    guard !bytes.isEmpty else { return }
    guard let log = logs.removeValue(forKey: path) else {
      throw GoudError(.internalFault, "\(path) of a tail was not expected")
    }
    if let file = log.file {
      builder.resume(file)
      open = (log.entry, log.size)
      offset = log.offset
    } else {
      try begin(log.entry)
    }
    try write(bytes)
    try pause()
  }

  /// - Throws: `repository.damaged` when a log did not get all of what was expected.
  func finish() throws {
    if let log = logs.values.min(by: { $0.entry.path < $1.entry.path }) { throw Self.wrongSize(log.entry) }
  }

  private static func wrongSize(_ entry: FileEntry) -> GoudError {
    GoudError(
      .repositoryDamaged, "\(entry.path) is not as long as the repository says", hint: "goud repo check --read-data")
  }
}
