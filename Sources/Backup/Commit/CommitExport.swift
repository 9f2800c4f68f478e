public import Archive
import Foundation
public import GoudCore
import Layout
public import Repository

/// Writes a backup of a repository as an archive: the commit, without what its tail adds.
public struct CommitExport: Sendable {
  public var commit: Commit
  public var repository: Repository
  /// Where the archive goes; created when missing.
  public var directory: String
  public var compression: Compression
  public var cancellation = Cancellation()
  public var progress: any ProgressSink = NoProgress()

  public init(_ commit: Commit, in repository: Repository, to directory: String, compression: Compression) {
    (self.commit, self.repository, self.directory, self.compression) = (commit, repository, directory, compression)
  }

  /// - Returns: the archive, which is on the device with its checksum, and was read back.
  /// - Throws: `archive.exists` when it is there already; `repository.damaged`.
  public func run() throws -> ArchiveReport {
    let index = try repository.loadIndex()
    let contents = try commit.members.map { try CommitContents($0, in: repository, index) }
    var metadata = contents[0].metadata
    metadata.volumes = contents.flatMap(\.metadata.volumes)
    metadata.formatVersion = metadata.neededVersion
    metadata.name = BackupName.stem(of: metadata.environment, at: metadata.timestamp)
    try FileSystem.makePrivateDirectory(directory)
    let path = "\(directory)/\(metadata.name)\(compression.fileExtension)"
    guard try FileSystem.status(path) == nil else { throw GoudError(.archiveExists, "\(path) is already there") }
    let reader = RepositoryReader(repository, index: index)
    var options = ArchiveWriter.Options(compression: compression)
    options.scratch = directory
    (options.cancellation, options.progress) = (cancellation, progress)
    _ = try ArchiveWriter.write(
      volumes: contents.map { try volume($0, reader, index) }, metadata: metadata,
      to: try FileSink(path: path, signer: nil), options: options)
    do {
      var reading = ArchiveReadOptions()
      reading.fromDevice = true
      (reading.cancellation, reading.progress) = (cancellation, progress)
      return try ArchiveVerifier.verify(path: path, options: reading)
    } catch {
      try FileSink.remove(path)
      throw error
    }
  }

  private func volume(
    _ contents: CommitContents, _ reader: RepositoryReader, _ index: RepositoryIndex
  ) throws -> ArchiveVolume {
    var items: [ArchiveVolume.Item] = []
    try contents.walk { entry, content in
      guard case .file = entry.kind else { return items.append(.init(entry: entry)) }
      let lengths = try content.map { id in
        guard let length = index.plainLength(of: id, as: .data) else {
          throw GoudError(.repositoryDamaged, "the repository does not have blob \(id), which \(entry.path) needs")
        }
        return length
      }
      items.append(.init(entry: entry, content: StoredFile(content, lengths, reader)))
    }
    return ArchiveVolume(name: contents.volume, items: items)
  }
}

/// A file in a repository, read piece by piece; the piece that was read last is kept.
private final class StoredFile: ByteSource, @unchecked Sendable {
  private let content: [ObjectID]
  /// Where each piece begins, and where the last ends.
  private let bounds: [Int64]
  private let reader: RepositoryReader
  private var kept: (index: Int, bytes: [UInt8])?

  init(_ content: [ObjectID], _ lengths: [Int], _ reader: RepositoryReader) {
    (self.content, self.reader) = (content, reader)
    bounds = lengths.reduce(into: [0]) { $0.append($0.last! + Int64($1)) }
  }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws -> Int {
    var done = 0
    while done < buffer.count, let index = piece(at: offset + Int64(done)) {
      if kept?.index != index { kept = (index, try reader.load(content[index], as: .data)) }
      guard let bytes = kept?.bytes else { break }
      let from = Int(offset + Int64(done) - bounds[index])
      let count = min(buffer.count - done, bytes.count - from)
      guard count > 0 else { break }
      bytes.withUnsafeBytes {
        UnsafeMutableRawBufferPointer(rebasing: buffer[done..<done + count])
          .copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[from..<from + count]))
      }
      done += count
    }
    // The file is read from its beginning to its end, once.
    if bounds.last == offset + Int64(done) { kept = nil }
    return done
  }

  private func piece(at offset: Int64) -> Int? {
    guard offset < bounds.last! else { return nil }
    var (low, high) = (0, content.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if bounds[middle] <= offset { low = middle } else { high = middle }
    }
    return low
  }
}
