import Archive
import Foundation
import GoudCore
import Layout
import Repository

/// Stores the files of one volume: what is new of them.
///
/// Files are read one after the other, in pieces; a piece is hashed, compressed, sealed and opened again on several
/// threads, and what the files consist of is put together in order. Pieces end where files end, and lie at fixed places in
/// them: what a compaction writes has no piece in common with what it read, so that looking for one gains nothing.
final class CommitPass {
  /// What is cut into pieces of how many bytes. A log grows at its end: only its last piece is new.
  static let pieceBytes = 16 << 20
  static let logPieceBytes = 1 << 20
  /// A table's last bytes are a piece of their own: which database wrote it, and when, lies there and nowhere else, so that
  /// what nodes that hold the same wrote at the same pace is stored once.
  static let tableEndBytes = 4096
  /// What is beside the tables and no larger lies with the logs and the notes: it is what changes from one backup to the
  /// next, and one pack holds it.
  private static let smallFile = 1 << 20
  /// Pieces on their way: with what is made of them, at most 256 MiB.
  private static let depth = 4

  private enum Step: Sendable {
    case entry(FileEntry)
    case known(FileEntry, table: String, [ObjectID])
    case prove(@Sendable () throws -> Void)
    case begin(FileEntry, table: String?)
    /// What the volume cannot give again lies apart: it does not share a pack with what it can.
    case piece([UInt8], isApart: Bool)
    case stored(ObjectID, Int)
    case end
  }

  private let volume: String
  private let metadata: BackupMetadata
  private let writer: RepositoryWriter
  private let known: KnownTables?
  private let cancellation: Cancellation
  private let progress: any ProgressSink
  private let assembly: Assembly
  private var facts: CommitFacts
  private var knownTables = 0
  private var bytes: Int64 = 0
  private var late: Set<String> = []
  private var zeros: [Int: ObjectID] = [:]

  /// - Parameters:
  ///   - known: tables that need not be read; nil: read all.
  ///   - scanned: when all were read last, this time included.
  init(
    _ metadata: BackupMetadata, _ writer: RepositoryWriter, known: KnownTables?, scanned: Date,
    cancellation: Cancellation, progress: any ProgressSink
  ) {
    volume = metadata.volumes[0].name
    self.metadata = metadata
    self.writer = writer
    self.known = known
    self.cancellation = cancellation
    self.progress = progress
    facts = CommitFacts(scanned: scanned)
    assembly = Assembly(TreeWriter(writer))
  }

  /// - Throws: `LateChanges`.
  func run(_ content: ArchiveVolume, parent: ObjectID?) throws -> CommitDraft {
    let total = content.items.reduce(ByteCount.zero) { $0 + ByteCount($1.entry.storedBytes) }
    progress.begin("store \(volume)", total: total)
    defer { progress.end() }
    let pipeline = OrderedPipeline<Step, Step>(
      name: "store", width: 2, depth: Self.depth,
      transform: { [writer] step in
        switch step {
        case .prove(let proof):
          try Pace.process.work(proof)
          return step
        case .piece(let bytes, let isApart):
          let saved = try Pace.process.work {
            try bytes.withUnsafeBytes { try writer.save($0, as: .data, isApart: isApart) }
          }
          return .stored(saved.id, bytes.count)
        default: return step
        }
      },
      consume: { [assembly] in try assembly.take($0) })
    do {
      try content.others?.each { try store($0, pipeline) }
      if late.isEmpty {
        for item in content.items { try store(item, pipeline) }
        try content.secondNames?.each { try store($0, pipeline) }
        try note(pipeline)
      }
    } catch {
      try? pipeline.finish(abandoning: true)
      throw error
    }
    try pipeline.finish()
    guard late.isEmpty else { throw LateChanges(paths: [volume: late]) }
    return CommitDraft(
      volume: volume, metadata: metadata, tree: try assembly.finish(), bytes: bytes, knownTables: knownTables,
      rescanned: known == nil, held: .init(metadata.volumes[0], facts, assembly.tables), parent: parent)
  }

  private func directory(_ path: String) -> FileEntry {
    FileEntry(
      path: path, kind: .directory, mode: 0o700, owner: geteuid(), group: getegid(),
      modified: (Int64(metadata.timestamp.timeIntervalSince1970), 0))
  }

  private func store(_ item: ArchiveVolume.Item, _ pipeline: OrderedPipeline<Step, Step>) throws {
    try cancellation.check()
    let path = item.entry.path
    let entry = item.entry.moved(below: volume)
    guard case .file(let size) = entry.kind, let content = item.content else {
      return try pipeline.submit(.entry(entry))
    }
    bytes += entry.storedBytes
    if let version = item.version, version.size == size {
      let table = try CommitFacts.Table(version, content)
      facts.tables[path] = table
      if let pieces = known?.content(of: path, table) {
        knownTables += 1
        progress.advance(Int(size))
        return try pipeline.submit(.known(entry, table: path, pieces))
      }
    }
    if let prove = item.prove { try pipeline.submit(.prove(prove)) }
    if let extents = entry.extents { facts.extents[path] = extents.flatMap { [$0.lowerBound, $0.upperBound] } }
    try pipeline.submit(.begin(entry, table: item.version == nil ? nil : path))
    let isApart = item.version == nil && (Self.isLog(path) || size <= Self.smallFile)
    let sha256 = try read(
      content, entry, size, isTable: item.version != nil, isApart: isApart, hashing: item.settle != nil, pipeline)
    try pipeline.submit(.end)
    if let settle = item.settle, let sha256, try !settle(sha256) { late.insert(path) }
  }

  /// - Returns: the SHA-256 of the bytes that are no holes, when it is wanted.
  private func read(
    _ content: any ByteSource, _ entry: FileEntry, _ size: Int64, isTable: Bool, isApart: Bool, hashing: Bool,
    _ pipeline: OrderedPipeline<Step, Step>
  ) throws -> String? {
    let end = isTable ? size - Int64(Self.tableEndBytes) : 0
    let step = Int64(Self.isLog(entry.path) ? Self.logPieceBytes : Self.pieceBytes)
    var digest = hashing ? Digest() : nil
    var offset: Int64 = 0
    var extents = entry.data[...]
    while offset < size {
      try cancellation.check()
      let piece = offset..<min(offset + step, offset < end ? end : size)
      defer { offset = piece.upperBound }
      while let first = extents.first, first.upperBound <= piece.lowerBound { extents = extents.dropFirst() }
      let within = extents.prefix { $0.lowerBound < piece.upperBound }.map { $0.clamped(to: piece) }
      guard !within.isEmpty else {
        try pipeline.submit(.stored(try zeros(Int(piece.count)), Int(piece.count)))
        continue
      }
      let bytes = try Pace.process.work { try read(content, piece, within, entry, &digest) }
      try pipeline.submit(.piece(bytes, isApart: isApart))
      progress.advance(bytes.count)
    }
    return digest?.hex()
  }

  private func read(
    _ content: any ByteSource, _ piece: Range<Int64>, _ extents: [Range<Int64>], _ entry: FileEntry,
    _ digest: inout Digest?
  ) throws -> [UInt8] {
    let isWhole = extents == [piece]
    return try [UInt8](unsafeUninitializedCapacity: Int(piece.count)) { buffer, used in
      let all = UnsafeMutableRawBufferPointer(buffer)
      if !isWhole { all.initializeMemory(as: UInt8.self, repeating: 0) }
      for extent in extents {
        let from = Int(extent.lowerBound - piece.lowerBound)
        let part = UnsafeMutableRawBufferPointer(rebasing: all[from..<from + extent.count])
        guard try content.read(into: part, at: extent.lowerBound) == part.count else {
          throw GoudError(.volumeFileChanged, "\(entry.path) shrank while it was read", hint: "run the backup again")
        }
        digest?.update(UnsafeRawBufferPointer(part))
      }
      used = all.count
    }
  }

  private static func isLog(_ path: String) -> Bool { path.hasSuffix(".log") }

  /// A piece that is nothing but a hole.
  private func zeros(_ count: Int) throws -> ObjectID {
    if let known = zeros[count] { return known }
    let id = try writer.save([UInt8](repeating: 0, count: count), as: .data).id
    zeros[count] = id
    return id
  }

  /// What goud knows of the volume, beside it.
  private func note(_ pipeline: OrderedPipeline<Step, Step>) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.dateEncodingStrategy = .iso8601
    try pipeline.submit(.entry(directory(CommitNames.notes)))
    for (name, data) in [
      (CommitNames.metadata, try encoder.encode(metadata)), (CommitNames.files, try encoder.encode(facts)),
    ] {
      var entry = directory("\(CommitNames.notes)/\(name)")
      entry.kind = .file(size: Int64(data.count))
      entry.mode = 0o600
      try pipeline.submit(.begin(entry, table: nil))
      for start in stride(from: 0, to: data.count, by: Self.pieceBytes) {
        let piece = [UInt8](data[start..<min(start + Self.pieceBytes, data.count)])
        try pipeline.submit(.piece(piece, isApart: true))
      }
      try pipeline.submit(.end)
    }
  }

  /// The end of the pipeline: entries with all that they consist of. On one thread.
  private final class Assembly: @unchecked Sendable {
    private let tree: TreeWriter
    private var file: (pending: TreeWriter.PendingFile, table: String?)?
    /// What each table consists of.
    private(set) var tables: [String: [ObjectID]] = [:]

    init(_ tree: TreeWriter) { self.tree = tree }

    func take(_ step: Step) throws {
      switch step {
      case .entry(let entry): try tree.add(entry)
      case .known(let entry, let table, let content):
        try tree.add(entry, content: content, bytes: entry.size)
        tables[table] = content
      case .begin(let entry, let table): file = (tree.begin(entry), table)
      case .stored(let id, let count): if let file { tree.append(id, bytes: count, to: file.pending) }
      case .end:
        guard let ended = file else { break }
        let content = try tree.end(ended.pending)
        if let table = ended.table { tables[table] = content }
        file = nil
      case .prove, .piece: break
      }
    }

    func finish() throws -> ObjectID { try tree.finish().root }
  }
}

extension FileEntry {
  fileprivate var size: Int64 { if case .file(let size) = kind { size } else { 0 } }
}
