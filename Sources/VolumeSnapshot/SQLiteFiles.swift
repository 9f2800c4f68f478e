import CGoudLinux
import Foundation
import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// A database of SQLite: its file, and the journal or the log beside it, copied at one moment (docs/decisions/0012).
///
/// Takes the locks that any reader takes, for the time of a copy (a second at most where a writer could wait for it), and
/// opens for reading only: nothing is written to the volume, and none of SQLite's code looks at the file.
/// (https://www.sqlite.org/lockingv3.html, https://www.sqlite.org/walformat.html)
struct SQLiteFiles {
  /// Of the file itself: who holds `shared` keeps everybody from writing to it; who wants to write takes `pending` first.
  private static let pending: Int64 = 0x4000_0000
  private static let shared: (start: Int64, length: Int64) = (0x4000_0002, 510)
  /// Of the `-shm` file: who reads the file and not the log; while it is held, nothing goes from the log to the file.
  private static let readsFile: Int64 = 123
  private static let companions = ["-wal", "-journal", "-shm"]
  /// How long a writer may be kept waiting, and how long to wait for one.
  private static let longest: Duration = .seconds(1)
  private static let patience: Duration = .seconds(5)
  /// More is not copied: it is looked at like any other large file.
  private static let largest: Int64 = 1 << 30

  private let item: OtherItem
  private let file: Descriptor

  /// nil when it is none.
  init?(_ item: OtherItem, _ file: Descriptor) throws {
    guard try Self.isDatabase(file) else { return nil }
    self.item = item
    self.file = file
  }

  /// Whether a file is the journal, the log or the log's index of a database beside it, and is taken with that.
  static func belongs(_ item: OtherItem) throws -> Bool {
    for ending in companions where item.name.utf8.count > ending.utf8.count && item.name.hasSuffix(ending) {
      let base = String(item.name.dropLast(ending.count))
      guard let file = try item.directory.file(base, O_RDONLY, others: .absent) else { continue }
      return try isDatabase(file)
    }
    return false
  }

  private static func isDatabase(_ file: Descriptor) throws -> Bool {
    var head = [UInt8](repeating: 0, count: 16)
    let count = try head.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
    return count == 16 && head == Array("SQLite format 3\0".utf8)
  }

  /// Takes the database with what belongs to it.
  /// - Returns: false when it could not be copied at one moment: it is too large, was busy all the time, or lies where
  ///   there are no locks.
  func take(_ inventory: Inventory, _ files: inout OtherFiles) throws -> Bool {
    let deadline = ContinuousClock.now + Self.patience
    var tries: UInt32 = 1
    while true {
      switch try attempt(inventory) {
      case .copied(let parts):
        for part in parts { try files.add(part.entry, .copied(part.start)) }
        if try item.directory.status("\(item.name)-shm") != nil {
          files.skipped.append("\(item.path)-shm (the index of the log beside it, which SQLite makes anew)")
        }
        return true
      case .impossible: return false
      case .busy:
        guard ContinuousClock.now < deadline else { return false }
        // At random, or two would dance in step.
        usleep(UInt32.random(in: 200...2000) * min(tries, 8))
        tries += 1
      }
    }
  }

  /// The log and the journal beside it that hold something.
  func logs() throws -> [OtherItem] {
    try ["-wal", "-journal"].map {
      OtherItem(path: item.path + $0, name: item.name + $0, directory: item.directory, mount: item.mount)
    }.filter { try item.directory.status($0.name).map { $0.isRegular && $0.st_size > 0 } ?? false }
  }

  // MARK: One try

  private struct Part {
    let entry: FileEntry
    let start: Int64
  }

  private enum Attempt {
    case copied([Part])
    case busy
    case impossible
  }

  private enum Lock {
    case held, busy, impossible

    init(_ result: Int32) {
      self = result == 0 ? .held : [EAGAIN, EACCES, EINTR].contains(errno) ? .busy : .impossible
    }
  }

  private func attempt(_ inventory: Inventory) throws -> Attempt {
    switch Lock(goud_share_range(file.fd, Self.pending, 1)) {
    case .busy: return .busy
    case .impossible: return .impossible
    case .held: break
    }
    let lock = Lock(goud_share_range(file.fd, Self.shared.start, Self.shared.length))
    goud_release_range(file.fd, Self.pending, 1)
    guard lock == .held else { return lock == .busy ? .busy : .impossible }
    defer { goud_release_range(file.fd, Self.shared.start, Self.shared.length) }
    return try hasLog() ? attemptWithLog(inventory) : copy(["-journal"], until: .now + Self.longest, inventory)
  }

  /// A checkpoint, which writes from the log into the file, is kept out; writers go on, at the end of the log.
  private func attemptWithLog(_ inventory: Inventory) throws -> Attempt {
    guard let index = try item.directory.file("\(item.name)-shm", O_RDONLY, others: .absent) else {
      return try copy(["-wal"], until: nil, inventory)
    }
    switch Lock(goud_share_range(index.fd, Self.readsFile, 1)) {
    case .busy: return .busy
    case .impossible: return .impossible
    case .held: break
    }
    defer { goud_release_range(index.fd, Self.readsFile, 1) }
    return try copy(["-wal"], until: nil, inventory)
  }

  /// The database first: what comes into the log meanwhile is newer than all that is in it.
  private func copy(
    _ endings: [String], until deadline: ContinuousClock.Instant?, _ inventory: Inventory
  ) throws -> Attempt {
    let before = Look(try file.status())
    let beside = try endings.compactMap { ending in
      try item.directory.file(item.name + ending, O_RDONLY, others: .absent).map { (ending, $0, try head(of: $0)) }
    }
    let sizes = try ([file] + beside.map(\.1)).map { Int64(try $0.status().st_size) }
    guard sizes.reduce(0, +) <= Self.largest else { return .impossible }
    var parts: [Part] = []
    for (index, (path, source)) in ([(item.path, file)] + beside.map { (item.path + $0.0, $0.1) }).enumerated() {
      guard let part = try copy(source, path, sizes[index], until: deadline, inventory) else { return .impossible }
      parts.append(part)
    }
    // A log that was begun anew meanwhile is a mixture.
    let same = try beside.allSatisfy { try head(of: $0.1) == $0.2 && Int64($0.1.status().st_size) >= sizes[1] }
    return try same && Look(file.status()) == before ? .copied(parts) : .busy
  }

  private func copy(
    _ source: Descriptor, _ path: String, _ size: Int64, until deadline: ContinuousClock.Instant?,
    _ inventory: Inventory
  ) throws -> Part? {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
    defer { buffer.deallocate() }
    let start = inventory.contents.count
    var offset: Int64 = 0
    while offset < size {
      if let deadline, ContinuousClock.now > deadline { return nil }
      let want = Int(min(size - offset, Int64(buffer.count)))
      let count = try source.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<want]), at: offset)
      guard count > 0 else { break }
      try inventory.contents.append(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      offset += Int64(count)
    }
    var entry = try source.entry(path, kind: .file(size: offset))
    entry.kind = .file(size: offset)
    return Part(entry: entry, start: start)
  }

  /// Whether it is in the mode with a log: the versions of the format for writing and reading are 2.
  private func hasLog() throws -> Bool {
    var versions: [UInt8] = [0, 0]
    return try versions.withUnsafeMutableBytes { try file.read(into: $0, at: 18) } == 2 && versions == [2, 2]
  }

  /// What is another when a log or a journal has been begun anew.
  private func head(of log: Descriptor) throws -> [UInt8] {
    var head = [UInt8](repeating: 0, count: 32)
    let count = try head.withUnsafeMutableBytes { try log.read(into: $0, at: 0) }
    return Array(head[..<count])
  }
}
