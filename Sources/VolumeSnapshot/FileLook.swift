import CGoudLinux
import Foundation
import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// Takes single files so that what is stored of each was its content at one moment: two looks agree, in their bytes and in
/// what the kernel says of the file. One that does not keep still is taken as it is, and named (docs/decisions/0013).
///
/// Small files are copied. Large ones are looked at and read again when they are stored; a database of SQLite is copied
/// under SQLite's own locks (docs/decisions/0012).
final class FileLook {
  /// Up to this size files are copied.
  static let small: Int64 = 1 << 20
  /// Changed so long ago, a file on a file system that keeps exact times rests.
  static let rest: Int64 = 60
  private static let pauses: [Duration] = [
    .milliseconds(25), .milliseconds(50), .milliseconds(100), .milliseconds(300),
  ]
  /// How long one large file may take before it counts as restless; each look reads all of it.
  private static let longest: Duration = .seconds(10)

  private let inventory: Inventory
  /// For pauses, of all files together.
  private let deadline: ContinuousClock.Instant
  private let first = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(small), alignment: 4096)
  private let second = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(small), alignment: 4096)
  /// Where files with several names were found first; forgotten when all their names have come.
  private var names: [FileIdentity: (path: String, left: Int)] = [:]

  init(inventory: Inventory, patience: Duration) {
    self.inventory = inventory
    deadline = ContinuousClock.now + patience
  }

  deinit {
    first.deallocate()
    second.deallocate()
  }

  /// - Parameters:
  ///   - known: files of databases by identity, each with the path under which it is stored.
  ///   - oneFileSystem: leave out what another file system is mounted on.
  func take(
    _ item: OtherItem, known: [FileIdentity: String], _ oneFileSystem: Bool, _ files: inout OtherFiles
  ) throws {
    guard let status = try item.directory.status(item.name) else { return }
    switch FileKind(status) {
    case .file: try takeFile(item, known, oneFileSystem, &files)
    case .link: try takeLink(item, status, &files)
    case .directory: break  // made meanwhile, where something else was
    case let kind: files.skipped.append("\(item.path) (\(kind.rawValue))")
    }
  }

  private func takeLink(_ item: OtherItem, _ status: stat, _ files: inout OtherFiles) throws {
    guard let target = try item.directory.target(ofLink: item.name) else { return }
    guard FileEntry.staysInside(item.path, target: target) else {
      return files.skipped.append("\(item.path) (link out of the volume, to \(target))")
    }
    try files.add(FileEntry(item.path, kind: .link(target: target), status: status), .none)
  }

  private func takeFile(
    _ item: OtherItem, _ known: [FileIdentity: String], _ oneFileSystem: Bool, _ files: inout OtherFiles
  ) throws {
    guard let file = try item.directory.file(item.name, O_RDONLY, others: .absent) else { return }
    let status = try file.status()
    if file.mount != item.mount {
      files.note(mount: item.path, leftOut: oneFileSystem)
      if oneFileSystem { return }
    }
    if let first = known[status.identity] ?? (status.st_nlink > 1 ? knownName(status, item.path) : nil) {
      return try files.add(FileEntry(item.path, kind: .secondName(of: first), status: status), .none)
    }
    if try SQLiteFiles.belongs(item) { return }
    if let database = try SQLiteFiles(item, file) { return try take(database, item, file, status, &files) }
    try takeSized(item, file, &files)
  }

  private func take(
    _ database: SQLiteFiles, _ item: OtherItem, _ file: Descriptor, _ status: stat, _ files: inout OtherFiles
  ) throws {
    let logs = try database.logs()
    if try logs.isEmpty && file.rests(status) { return try takeSized(item, file, &files) }
    if try database.take(inventory, &files) { return }
    try takeSized(item, file, &files)
    for log in logs {
      guard let file = try log.directory.file(log.name, O_RDONLY, others: .absent) else { continue }
      // Each for itself may be of one moment, and both not of the same.
      if try !file.rests(try file.status()) { files.add(restless: item.path) }
      try takeSized(log, file, &files)
    }
  }

  private func takeSized(_ item: OtherItem, _ file: Descriptor, _ files: inout OtherFiles) throws {
    if Int64(try file.status().st_size) <= Self.small {
      try takeSmall(item, file, &files)
    } else {
      try takeLarge(item, file, &files)
    }
  }

  /// The path of a file's first name; nil when this is the first.
  private func knownName(_ status: stat, _ path: String) -> String? {
    guard let known = names[status.identity] else {
      names[status.identity] = (path, Int(status.st_nlink) - 1)
      return nil
    }
    names[status.identity] = known.left > 1 ? (known.path, known.left - 1) : nil
    return known.path
  }

  // MARK: Small

  private func takeSmall(_ item: OtherItem, _ file: Descriptor, _ files: inout OtherFiles) throws {
    var looks = 0
    while true {
      let before = try file.status()
      guard Int64(before.st_size) <= Self.small else { return try takeLarge(item, file, &files) }
      let count = try file.read(into: first, at: 0)
      let again = try file.read(into: second, at: 0)
      let after = try file.status()
      let settled =
        count == again && count == before.st_size && Look(after) == Look(before) && !after.isFresh
        && memcmp(first.baseAddress!, second.baseAddress!, count) == 0
      if !settled && wait(after: looks) {
        looks += 1
        continue
      }
      var entry = try file.entry(item.path, kind: .file(size: Int64(count)))
      entry.kind = .file(size: Int64(count))
      if !settled { files.add(restless: item.path) }
      let start = try inventory.contents.append(UnsafeRawBufferPointer(rebasing: first[..<count]))
      return try files.add(entry, .copied(start))
    }
  }

  // MARK: Large

  private func takeLarge(_ item: OtherItem, _ file: Descriptor, _ files: inout OtherFiles) throws {
    let started = ContinuousClock.now
    var looks = 0
    while true {
      let before = try file.status()
      let size = Int64(before.st_size)
      let extents = try file.extents(size: size, allocated: Int64(before.st_blocks) * 512)
      var entry = try file.entry(item.path, kind: .file(size: size))
      entry.extents = extents
      var noted = Inventory.Noted(look: Look(before), sha256: "", names: Int(before.st_nlink))
      var settled = try file.rests(before)
      if !settled {
        noted.sha256 = try file.sha256(of: entry.data)
        if try Look(file.status()) == noted.look, try file.sha256(of: entry.data) == noted.sha256 {
          let after = try file.status()
          settled = Look(after) == noted.look && !after.isFresh
        }
      }
      if !settled && ContinuousClock.now - started < Self.longest && wait(after: looks) {
        looks += 1
        continue
      }
      if !settled { files.add(restless: item.path) }
      noted.held = inventory.hold(file)
      return try files.add(entry, .later(noted))
    }
  }

  /// - Returns: false when there were looks enough.
  private func wait(after looks: Int) -> Bool {
    guard looks < Self.pauses.count, ContinuousClock.now < deadline else { return false }
    Thread.sleep(forTimeInterval: Self.pauses[looks] / .seconds(1))
    return true
  }
}

extension stat {
  /// Whether it was changed so recently that one more change may show the same time: kernels keep times by the tick.
  fileprivate var isFresh: Bool {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    let age = Double(now.tv_sec - st_ctim.tv_sec) + Double(now.tv_nsec - st_ctim.tv_nsec) / 1e9
    return age >= 0 && age < 0.02
  }
}

extension Descriptor {
  /// Whether nobody has changed the file for a while, as far as its file system tells: also of what was written through a
  /// mapping, whose first write after each write-back changes the times. Not where times are another machine's, and not in
  /// memory, where nothing is written back.
  fileprivate func rests(_ status: stat) throws -> Bool {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    let newest = max(status.st_mtim.tv_sec, status.st_ctim.tv_sec)
    guard newest <= now.tv_sec - Int(FileLook.rest) else { return false }
    let system = goud_file_system(fd)
    guard system >= 0 else { throw GoudError.system("statfs", path) }
    // ext4, XFS, btrfs, ZFS, F2FS, overlay: linux/magic.h
    return [0xEF53, 0x5846_5342, 0x9123_683E, 0x2FC1_2FC1, 0xF2F5_2010, 0x794C_7630].contains(system)
  }

  /// Where the file has bytes; nil when its holes are not worth it, or the file system does not tell of any.
  ///
  /// At most 16,384 extents: the holes between more of them are taken as zeros, the smallest first.
  fileprivate func extents(size: Int64, allocated: Int64) throws -> [Range<Int64>]? {
    guard size - allocated >= 1 << 16 else { return nil }
    var smallest: Int64 = 4096
    while true {
      guard let found = try extents(size: size, apart: smallest) else { return nil }
      if found.count <= 1 << 14 {
        let stored = found.reduce(0) { $0 + $1.upperBound - $1.lowerBound }
        return size - stored >= 1 << 16 ? found : nil
      }
      smallest *= 4
    }
  }

  private func extents(size: Int64, apart smallest: Int64) throws -> [Range<Int64>]? {
    let data: Int32 = 3  // SEEK_DATA
    let hole: Int32 = 4  // SEEK_HOLE
    var result: [Range<Int64>] = []
    var offset: Int64 = 0
    while offset < size {
      let start = lseek(fd, off_t(offset), data)
      if start < 0 {
        if errno == ENXIO { break }
        if errno == EINVAL { return nil }
        throw GoudError.system("seek in", path)
      }
      let end = min(Int64(lseek(fd, start, hole)), size)
      guard end > start else { break }
      if let last = result.last, Int64(start) - last.upperBound < smallest {
        result[result.count - 1] = last.lowerBound..<end
      } else {
        result.append(Int64(start)..<end)
        if result.count > 1 << 14 { return result }
      }
      offset = end
    }
    return result
  }

  /// The SHA-256 of what is there of some ranges.
  func sha256(of ranges: [Range<Int64>]) throws -> String {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
    defer { buffer.deallocate() }
    var digest = Digest()
    for range in ranges {
      var offset = range.lowerBound
      while offset < range.upperBound {
        let want = Int(min(range.upperBound - offset, Int64(buffer.count)))
        let count = try read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<want]), at: offset)
        guard count > 0 else { break }
        digest.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        offset += Int64(count)
      }
    }
    return digest.hex()
  }
}
