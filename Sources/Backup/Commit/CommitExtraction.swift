import Archive
import Foundation
public import GoudCore
public import Repository
public import Tail

/// Makes the files of a commit, and what its tail added to the logs, checking all the while that every piece is what its name says and that nothing leads out
/// of the volume.
public struct CommitExtraction {
  public var restorePrivileges = false
  /// Nothing but content: for a copy that is looked at and thrown away.
  public var contentOnly = false
  /// What was added to the logs of a volume since the commit, by volume.
  public var tails: [String: [TailPiece]] = [:]
  /// Where a volume lies that is to be replaced, by its name: tables that are there with the same bytes are neither fetched
  /// nor written, where they can have a second name.
  public var present: [String: String] = [:]
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

  private enum Step: Sendable {
    case entry(FileEntry)
    case load(ObjectID)
    /// Is there already.
    case present(FileEntry, Descriptor)
    case loaded([UInt8])
    case end
  }

  private func extract(_ member: Commit.Member, _ builder: VolumeBuilder) throws {
    let reader = RepositoryReader(repository, index: index)
    let contents = try CommitContents(member, reader)
    let declared = contents.metadata.volumes[0]
    progress.begin("restore \(member.volume)", total: ByteCount(declared.bytes))
    defer { progress.end() }
    let files = Files(builder, member.volume, progress)
    let pipeline = OrderedPipeline<Step, Step>(
      name: "load", width: 3, depth: 6,
      transform: { step in
        guard case .load(let id) = step else { return step }
        return .loaded(try reader.load(id, as: .data))
      },
      consume: { step in
        switch step {
        case .entry(let entry): try files.begin(entry)
        case .present(let entry, let file): try files.take(entry, file)
        case .loaded(let bytes): try files.write(bytes)
        case .end: try files.end()
        case .load: break
        }
      })
    do {
      let present = try self.present[member.volume].flatMap { try PresentFiles($0, index) }
      var tail = try AddedLogs(tails[member.volume] ?? [])
      try contents.walk { found, content in
        try cancellation.check()
        var entry = found
        let added = try tail.take(&entry)
        if added.isEmpty, let file = try present?.same(entry, content, cancellation) {
          return try pipeline.submit(.present(entry, file))
        }
        try pipeline.submit(.entry(entry))
        guard case .file = entry.kind else { return }
        for id in content { try pipeline.submit(.load(id)) }
        for bytes in added { try pipeline.submit(.loaded(bytes)) }
        try pipeline.submit(.end)
      }
      for (entry, added) in try tail.rest() {
        try pipeline.submit(.entry(entry))
        for bytes in added { try pipeline.submit(.loaded(bytes)) }
        try pipeline.submit(.end)
      }
    } catch {
      try? pipeline.finish(abandoning: true)
      throw error
    }
    try pipeline.finish()
  }

  /// The end of the pipeline; on one thread.
  private final class Files: @unchecked Sendable {
    private let builder: VolumeBuilder
    private let volume: String
    private let progress: any ProgressSink
    private var open: (entry: FileEntry, size: Int64)?
    private var offset: Int64 = 0

    init(_ builder: VolumeBuilder, _ volume: String, _ progress: any ProgressSink) {
      self.builder = builder
      self.volume = volume
      self.progress = progress
    }

    func begin(_ entry: FileEntry) throws {
      try builder.entry(entry, of: volume)
      guard case .file(let size) = entry.kind else { return }
      open = (entry, size)
      offset = 0
    }

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

    private static func wrongSize(_ entry: FileEntry) -> GoudError {
      GoudError(
        .repositoryDamaged, "\(entry.path) is not as long as the repository says", hint: "goud repo check --read-data")
    }
  }
}
