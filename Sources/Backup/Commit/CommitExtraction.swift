import Archive
import Foundation
public import GoudCore
public import Repository
import Tail

/// Makes the files of a commit, and what its tail added to the logs, checking all the while that every piece is what its name
/// says and that nothing leads out of the volume.
///
/// Memory stays below 256 MiB, whatever the volume's size and its tail's: see `BlobSequence` and `TailMemory`; a piece of
/// the tail is held as a whole.
public struct CommitExtraction {
  public var restorePrivileges = false
  /// Nothing but content: for a copy that is looked at and thrown away.
  public var contentOnly = false
  /// What was added to the logs of the volumes since the commit; nil: it is made alone.
  public var tail: CommitTail?
  /// Where volumes lie, and copies of them, by name: tables that are there with the same bytes are neither fetched nor
  /// written, where they can have a second name.
  public var present: [String: [String]] = [:]
  /// Directories with files that were made for a volume once, and are nobody's any more, by its name: the same for every file.
  public var leftovers: [String: [UntrustedDirectory]] = [:]
  /// Told of every file that is whole and keeps its times; open for reading. From one thread at a time.
  public var arrived: @Sendable (Descriptor, FileEntry) throws -> Void = { _, _ in }
  public var cancellation = Cancellation()
  public var progress: any ProgressSink = NoProgress()
  private let repository: Repository
  private let index: RepositoryIndex

  public init(_ repository: Repository, _ index: RepositoryIndex) {
    self.repository = repository
    self.index = index
  }

  /// - Parameter directories: volume → a directory that exists and is empty; what is not among them is passed over.
  /// - Returns: what could not be put on the files, once all is on the device.
  /// - Throws: `repository.damaged`, `archive.unsafe-entry`, `io.no-room`.
  public func run(_ commit: Commit, into directories: [String: String]) throws -> [String] {
    let builder = VolumeBuilder(
      restorePrivileges: restorePrivileges, contentOnly: contentOnly, arrived: arrived
    ) { directories[$0] }
    for member in commit.members where directories[member.volume] != nil {
      try extract(member, builder)
    }
    return try builder.finish(cancellation)
  }

  private enum Note: Sendable {
    case begin(FileEntry)
    /// Is there already.
    case present(FileEntry, Descriptor)
    case end
    /// The tail goes on with it.
    case pause
  }

  /// So much of what is fetched together counts a file that is held open for it.
  private static let heldWeight = 256 << 10

  private func extract(_ member: Commit.Member, _ builder: VolumeBuilder) throws {
    let reader = RepositoryReader(repository, index: index)
    let contents = try CommitContents(member, reader)
    let bytes = contents.metadata.volumes[0].bytes + (tail?.bytes(of: member.volume) ?? 0)
    progress.begin("restore \(member.volume)", total: ByteCount(bytes))
    defer { progress.end() }
    let files = CommitFiles(builder, member.volume, progress)
    var logs = try AddedLogs(tail?.pieces(of: member.volume) ?? [])
    try load(contents, &logs, reader, into: files)
    for entry in try logs.rest() { try files.expect(entry) }
    try tail?.read(member.volume) { piece in
      try cancellation.check()
      for part in piece.parts { try files.append(part.bytes, to: part.path) }
    }
    try files.finish()
  }

  private func load(
    _ contents: CommitContents, _ logs: inout AddedLogs, _ reader: RepositoryReader, into files: CommitFiles
  ) throws {
    let sequence = BlobSequence<Note>(reader) { item in
      switch item {
      case .blob(let bytes): try files.write(bytes)
      case .note(.begin(let entry)): try files.begin(entry)
      case .note(.present(let entry, let file)): try files.take(entry, file)
      case .note(.end): try files.end()
      case .note(.pause): try files.pause()
      }
    }
    do {
      let present = try filesAtHand(contents.volume)
      try contents.walk { found, content in
        try cancellation.check()
        var entry = found
        let goesOn = try logs.take(&entry)
        if !goesOn, let file = try present.first({ try $0.same(entry, content, cancellation) }) {
          return try sequence.submit(.present(entry, file), weight: Self.heldWeight)
        }
        try sequence.submit(.begin(entry))
        guard case .file = entry.kind else { return }
        for id in content { try sequence.submit(blob: id) }
        try sequence.submit(goesOn ? .pause : .end)
      }
    } catch {
      try? sequence.finish(abandoning: true)
      throw error
    }
    try sequence.finish()
  }

  private func filesAtHand(_ volume: String) throws -> [FilesAtHand] {
    try leftovers[volume, default: []].map { try FilesAtHand(leftover: $0, index) }
      + present[volume, default: []].compactMap { try FilesAtHand(volume: $0, index) }
  }
}

extension Sequence {
  /// The first result that is none.
  fileprivate func first<Result>(_ transform: (Element) throws -> Result?) rethrows -> Result? {
    for element in self { if let result = try transform(element) { return result } }
    return nil
  }
}
