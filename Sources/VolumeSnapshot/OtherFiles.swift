import Foundation
import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// What lies beside the databases of a volume: entries, and the content of what is small or was copied, put aside on disk.
/// Memory does not grow with their number.
public struct OtherFiles: Sendable {
  let root: UntrustedDirectory
  let inventory: Inventory
  /// Entries; regular files among them; the sum of what is stored of these, and of their sizes.
  public private(set) var count = 0
  public private(set) var files = 0
  public private(set) var bytes: Int64 = 0
  public private(set) var apparentBytes: Int64 = 0
  /// Further names of these files, or of a database's.
  public private(set) var secondNameCount = 0
  /// Sockets, devices, pipes and links out of the volume, and what is made anew: path and what it is.
  public internal(set) var skipped: [String] = []
  /// Files that were written whenever they were looked at. They are stored, and may be torn.
  public internal(set) var restless: [String] = []
  /// Files that could not be stored, and why.
  public internal(set) var omitted: [String] = []
  /// Where other file systems are mounted, whose content is among these files.
  public private(set) var mounts: [String] = []
  /// Directories in which a `CURRENT` or a `MANIFEST` is among these files; `.` for the volume itself.
  private(set) var openers: Set<String> = []
  private(set) var manifests: Set<String> = []
  /// Files that were gone when they were to be stored.
  private var gone: Set<[UInt8]> = []
  private var restlessNames: Set<[UInt8]> = []

  init(root: String, scratch: Descriptor, held: Int) throws {
    self.root = try UntrustedDirectory(root: root)
    inventory = Inventory(scratch: scratch, descriptors: held)
  }

  mutating func add(_ entry: FileEntry, _ content: Inventory.Content) throws {
    if case .secondName = entry.kind {
      secondNameCount += 1
      return try inventory.addSecondName(entry)
    }
    count += 1
    try inventory.add(entry, content)
    guard case .file(let size) = entry.kind else { return }
    switch DatabaseFileName(FileSystem.name(of: entry.path)) {
    case .current: openers.insert(FileSystem.parent(of: entry.path))
    case .manifest: manifests.insert(FileSystem.parent(of: entry.path))
    default: break
    }
    files += 1
    bytes += entry.storedBytes
    apparentBytes += size
  }

  mutating func add(restless path: String) {
    if restlessNames.insert(path.nameBytes).inserted { restless.append(path) }
  }

  mutating func note(mount path: String, leftOut: Bool) {
    leftOut ? skipped.append("\(path) (another file system, left out by --one-file-system)") : mounts.append(path)
  }

  /// In the order in which they were found: a directory before what it holds.
  public func each(_ body: (VolumeItem) throws -> Void) throws {
    try inventory.each { entry, content in
      guard gone.isEmpty || !gone.contains(entry.path.nameBytes) else { return }
      guard case .later(let noted) = content else {
        return try body(.init(entry: entry, content: inventory.source(content), prove: nil, settle: nil))
      }
      let file = LateFile(
        root: root, path: entry.path, data: entry.data, held: inventory.held(noted), noted: noted,
        isRestless: restlessNames.contains(entry.path.nameBytes))
      try body(.init(entry: entry, content: file, prove: nil, settle: { @Sendable in try file.settle($0) }))
    }
  }

  public func eachSecondName(_ body: (VolumeItem) throws -> Void) throws {
    try inventory.eachSecondName { try body(.init(entry: $0, content: nil, prove: nil, settle: nil)) }
  }

  /// The same with files that changed after they had been looked at: what is still there counts as restless from now on,
  /// the rest as gone.
  public func taking(late paths: Set<String>) throws -> OtherFiles {
    var result = self
    try inventory.each { entry, content in
      guard paths.contains(entry.path), case .file(let size) = entry.kind else { return }
      if case .later(let noted) = content, inventory.held(noted) == nil,
        try root.status(entry.path)?.isRegular != true
      {
        guard noted.names == 1 else { throw LateFile.changed("\(root.path)/\(entry.path)") }
        result.gone.insert(entry.path.nameBytes)
        result.count -= 1
        result.files -= 1
        result.bytes -= entry.storedBytes
        result.apparentBytes -= size
      } else {
        result.add(restless: entry.path)
      }
    }
    return result
  }
}

/// Entries and contents on disk.
final class Inventory: @unchecked Sendable {
  enum Content {
    case none
    /// In the spool, from there on.
    case copied(Int64)
    case later(Noted)
  }

  /// What is known of a large file that is read when it is stored.
  struct Noted {
    var look: Look
    /// The SHA-256 of its bytes; empty when its times alone told that it rests.
    var sha256: String
    /// Names that the file has.
    var names: Int
    /// Which of the held descriptors; -1: none.
    var held = -1
  }

  private let entries: RecordSpool
  private let secondNames: RecordSpool
  let contents: Spool
  private var held: [Descriptor] = []
  private let mostHeld: Int

  init(scratch: Descriptor, descriptors: Int) {
    entries = RecordSpool(in: scratch)
    secondNames = RecordSpool(in: scratch)
    contents = Spool(in: scratch)
    mostHeld = descriptors
  }

  /// - Returns: the descriptor's number; -1 when there are too many.
  func hold(_ file: Descriptor) -> Int {
    guard held.count < mostHeld else { return -1 }
    held.append(file)
    return held.count - 1
  }

  func held(_ noted: Noted) -> Descriptor? { noted.held < 0 ? nil : held[noted.held] }

  func source(_ content: Content) -> (any ByteSource)? {
    guard case .copied(let start) = content else { return nil }
    return SpoolPart(spool: contents, start: start)
  }

  func addSecondName(_ entry: FileEntry) throws {
    var record = RecordWriter()
    entry.write(to: &record)
    try secondNames.append(record.bytes)
  }

  func add(_ entry: FileEntry, _ content: Content) throws {
    var record = RecordWriter()
    entry.write(to: &record)
    switch content {
    case .none: record.put(0)
    case .copied(let start):
      record.put(1)
      record.put(start)
    case .later(let noted):
      record.put(2)
      for number in noted.look.numbers { record.put(number) }
      record.put(noted.sha256)
      record.put(noted.names)
      record.put(noted.held)
    }
    try entries.append(record.bytes)
  }

  func each(_ body: (FileEntry, Content) throws -> Void) throws {
    try entries.each { bytes in
      var record = RecordReader(bytes)
      let entry = FileEntry(from: &record)
      switch record.number(Int.self) {
      case 0: try body(entry, .none)
      case 1: try body(entry, .copied(record.number(Int64.self)))
      default:
        let look = Look(numbers: (0..<Look.count).map { _ in record.number(Int64.self) })
        let noted = Noted(
          look: look, sha256: record.text(), names: record.number(Int.self), held: record.number(Int.self))
        try body(entry, .later(noted))
      }
    }
  }

  func eachSecondName(_ body: (FileEntry) throws -> Void) throws {
    try secondNames.each { bytes in
      var record = RecordReader(bytes)
      try body(FileEntry(from: &record))
    }
  }
}

/// Part of a spool as a file's bytes.
private struct SpoolPart: ByteSource {
  let spool: Spool
  let start: Int64

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws -> Int {
    try spool.read(into: buffer, at: start + offset)
  }
}

/// What the kernel says of a file at one moment: which it is, its size, when it was written and when anything of it was
/// changed.
struct Look: Equatable {
  static let count = 7
  let numbers: [Int64]

  init(numbers: [Int64]) { self.numbers = numbers }

  init(_ status: stat) {
    numbers = [
      Int64(truncatingIfNeeded: status.st_dev), Int64(truncatingIfNeeded: status.st_ino), Int64(status.st_size),
      Int64(status.st_mtim.tv_sec), Int64(status.st_mtim.tv_nsec), Int64(status.st_ctim.tv_sec),
      Int64(status.st_ctim.tv_nsec),
    ]
  }
}

/// A large file that is read when it is stored: the bytes of which two looks agree, or it did not settle.
final class LateFile: ByteSource, @unchecked Sendable {
  private let root: UntrustedDirectory
  private let path: String
  private let data: [Range<Int64>]
  private let noted: Inventory.Noted
  private let isRestless: Bool
  private var file: Descriptor?
  private var opened = false
  private var isShort = false

  init(
    root: UntrustedDirectory, path: String, data: [Range<Int64>], held: Descriptor?, noted: Inventory.Noted,
    isRestless: Bool
  ) {
    self.root = root
    self.path = path
    self.data = data
    self.noted = noted
    self.isRestless = isRestless
    file = held
  }

  /// What a restless file no longer has is read as zeros: its entry says how long it is. So is what is missing of any
  /// other, which then does not settle.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws -> Int {
    let count = try open()?.read(into: buffer, at: offset) ?? 0
    if count < buffer.count {
      isShort = true
      memset(buffer.baseAddress! + count, 0, buffer.count - count)
    }
    return buffer.count
  }

  /// - Parameter sha256: of what was read.
  /// - Returns: whether that is what the file was at one moment, or it is known for not keeping still.
  func settle(_ sha256: String) throws -> Bool {
    if isRestless { return true }
    guard !isShort, let file else { return false }
    let look = Look(try file.status())
    if sha256 == noted.sha256 || noted.sha256.isEmpty && look == noted.look { return true }
    // It changed since the looks at it, or lost its name, or grew: of one moment it may be all the same.
    return try file.sha256(of: data) == sha256
  }

  static func changed(_ path: String) -> GoudError {
    GoudError(.volumeFileChanged, "\(path) went while it was to be stored", hint: "run the backup again")
  }

  private func open() throws -> Descriptor? {
    if !opened && file == nil {
      file = try root.file(path, O_RDONLY, others: .absent)
      if let now = file, Look(try now.status()).numbers[1] != noted.look.numbers[1], !isRestless { file = nil }
    }
    opened = true
    return file
  }
}
