import CGoudLinux
import Foundation
import GoudCore
import RocksDB

#if canImport(Glibc)
  import Glibc
#endif

/// A consistent view of a whole volume: its databases, each at one moment, and every other file as it was read.
///
/// Read access is enough. Lives as long as it is referenced; on disk there is only the scratch directory.
public struct VolumeSnapshot: Sendable {
  /// One entry of the volume, with its bytes when it is a regular file.
  public struct Item: Sendable {
    public let entry: FileEntry
    public let content: (any ByteSource)?
    /// Checks every block of a table, and every value of a blob file, against its checksum; nil for other files.
    public let prove: (@Sendable () throws -> Void)?
  }

  public let databases: [DatabaseSnapshot]
  /// The volume's root first, each directory before what it holds, `CURRENT` last in its directory.
  public let items: [Item]
  /// Sockets, devices, pipes and links out of the volume: path and what it is.
  public let skipped: [String]
  /// What looks like a database and is none that could be captured; its files are among `items`.
  public let others: [OtherStore]

  /// The moment from which every acknowledged write is in the snapshot.
  public var moment: Date { databases.map(\.moment).min() ?? Date() }

  /// - Parameter root: the volume, absolute and with links followed.
  /// - Throws: what `DatabaseSnapshot.take` throws; `volume.no-database`; `volume.file-changed` for another file that
  ///   changed each time it was read.
  public static func take(_ root: String, options: SnapshotOptions) throws -> VolumeSnapshot {
    var taken: [DatabaseLocation: DatabaseSnapshot] = [:]
    for _ in 0..<5 {
      let contents = try VolumeContents(of: root)
      guard !contents.databases.isEmpty else { throw contents.noDatabase }
      try contents.refuseUnstorable()
      // Other volumes' snapshots are open by now.
      if taken.isEmpty { try DescriptorLimit.require(contents.heldFiles + DescriptorLimit.open(), for: root) }
      for location in contents.databases where taken[location] == nil {
        let layout = try DatabaseLayout.find(location, in: contents.tree)
        taken[location] = try DatabaseSnapshot.takeIfThere(location, layout: layout, options: options)
      }
      let databases = contents.databases.compactMap { taken[$0] }
      let reader = VolumeReader(root: root, databases: databases)
      let found = try reader.read(cancellation: options.cancellation)
      guard contents.areWhole(found.items, databases) else { continue }
      return VolumeSnapshot(
        databases: databases, items: found.items, skipped: found.skipped, others: contents.others(beside: databases))
    }
    throw GoudError(
      .snapshotUnstable, "databases came and went in \(root) faster than it could be read",
      hint: "try again when no checkpoint is being made in it", context: ["path": root])
  }
}

extension VolumeContents {
  /// Whether what was read after the databases were found holds those and no others: a checkpoint may have been made, or
  /// removed, meanwhile, and nobody stores a `CURRENT` that was not captured.
  func areWhole(_ items: [VolumeSnapshot.Item], _ captured: [DatabaseSnapshot]) -> Bool {
    var current: Set<String> = []
    var manifests: Set<String> = []
    for item in items where item.content != nil {
      switch DatabaseFileName(FileSystem.name(of: item.entry.path)) {
      case .current: current.insert(FileSystem.parent(of: item.entry.path))
      case .manifest: manifests.insert(FileSystem.parent(of: item.entry.path))
      default: continue
      }
    }
    let stored = current.intersection(manifests).subtracting(otherDirectories)
    return captured.count == databases.count && stored == Set(captured.map(\.location.path))
  }

  /// `others`, and directories whose files are a database's by their names, and belong to none.
  fileprivate func others(beside captured: [DatabaseSnapshot]) -> [OtherStore] {
    let used = Set(captured.flatMap(\.files).map(\.directory))
    let stray = tree.directories.filter { directory in
      directory.holdsTables && !directory.holdsManifest && !used.contains(directory.absolute)
        && !others.contains { $0.path == "." || directory.path.hasPrefix("\($0.path)/") }
    }
    return others + remains.map { OtherStore(path: $0.path, what: "a MANIFEST without CURRENT: no database") }
      + stray.map { OtherStore(path: $0.path, what: "tables of no database here, as a checkpoint leaves them") }
  }
}

extension DatabaseSnapshot {
  /// - Returns: nil when the database is gone.
  fileprivate static func takeIfThere(
    _ location: DatabaseLocation, layout: DatabaseLayout, options: SnapshotOptions
  ) throws -> DatabaseSnapshot? {
    do {
      return try take(location, layout: layout, options: options)
    } catch let error as GoudError where error.code == .volumeNoDatabase {
      return nil
    }
  }
}

/// Walks a volume and puts the captured databases in the place of their directories' files.
struct VolumeReader {
  let root: String
  let databases: [DatabaseSnapshot]

  func read(cancellation: Cancellation) throws -> (items: [VolumeSnapshot.Item], skipped: [String]) {
    var items: [VolumeSnapshot.Item] = []
    var skipped: [String] = []
    let captured = Dictionary(grouping: databases.flatMap(\.files), by: \.directory)
    var pending = [""]
    while let path = pending.popLast() {
      try cancellation.check()
      let absolute = path.isEmpty ? root : "\(root)/\(path)"
      let directory = try Descriptor.open(absolute, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
      items.append(.init(entry: try directory.entry(path, kind: .directory), content: nil, prove: nil))
      let own = captured[absolute]
      for name in try FileSystem.names(in: absolute).sorted() {
        let child = path.isEmpty ? name : "\(path)/\(name)"
        // Of a database's directory, its files were captured; RocksDB's other files are no content.
        if own != nil, DatabaseFileName(name) != .foreign,
          try FileSystem.status("\(root)/\(child)")?.isRegular == true
        {
          continue
        }
        switch try look(child) {
        case .item(let item): items.append(item)
        case .directory: pending.append(child)
        case .skip(let why): skipped.append("\(child) (\(why))")
        case .gone: continue
        }
      }
      for file in own ?? [] { items.append(file.item(in: path)) }
    }
    return (items, skipped)
  }

  private enum Found {
    case item(VolumeSnapshot.Item)
    case directory
    case skip(String)
    case gone
  }

  private func look(_ path: String) throws -> Found {
    guard let status = try FileSystem.status("\(root)/\(path)") else { return .gone }
    if RestoreName.isWork(inRoot: path) && !path.containsSlash { return .skip("a restore's work, or a safety copy") }
    switch status.st_mode & S_IFMT {
    case S_IFDIR: return path == "lost+found" ? .skip("the file system's own") : .directory
    case S_IFREG: return try regular(path)
    case S_IFLNK: return link(path, status)
    case S_IFSOCK: return .skip("socket")
    case S_IFIFO: return .skip("pipe")
    default: return .skip("device")
    }
  }

  private func link(_ path: String, _ status: stat) -> Found {
    guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(root)/\(path)") else {
      return .gone
    }
    guard FileEntry.staysInside(path, target: target) else { return .skip("link out of the volume, to \(target)") }
    return .item(.init(entry: FileEntry(path, kind: .link(target: target), status: status), content: nil, prove: nil))
  }

  /// Small files are read at once and twice looked at; large ones are held open.
  private func regular(_ path: String) throws -> Found {
    for _ in 0..<5 {
      let file: Descriptor
      do {
        file = try Descriptor.open("\(root)/\(path)", O_RDONLY | O_NOFOLLOW)
      } catch let error as GoudError where error.systemErrno == ENOENT {
        return .gone
      }
      let before = try file.status()
      let size = Int64(before.st_size)
      let entry = try file.entry(path, kind: .file(size: size))
      guard size <= Self.inMemory else { return .item(.init(entry: entry, content: file, prove: nil)) }
      let bytes = try file.readAll(limit: Int(Self.inMemory) * 2)
      let after = try file.status()
      guard bytes.count == size, after.st_mtim == before.st_mtim, after.st_size == before.st_size else { continue }
      return .item(.init(entry: entry, content: MemorySource(bytes), prove: nil))
    }
    throw GoudError(
      .volumeFileChanged, "\(root)/\(path) changed each time it was read",
      hint: "keep files that are written all the time out of the volume")
  }

  private static let inMemory: Int64 = 256 << 10
}

extension DatabaseSnapshot.File {
  fileprivate func item(in directory: String) -> VolumeSnapshot.Item {
    let path = directory.isEmpty ? name : "\(directory)/\(name)"
    let entry = FileEntry(path, kind: .file(size: size), status: status)
    guard needsProof else { return VolumeSnapshot.Item(entry: entry, content: content, prove: nil) }
    return VolumeSnapshot.Item(entry: entry, content: content, prove: { @Sendable in try self.prove() })
  }
}

extension FileEntry {
  fileprivate init(_ path: String, kind: Kind, status: stat, attributes: [String: [UInt8]] = [:]) {
    self.init(
      path: path, kind: kind, mode: status.st_mode & 0o7777, owner: status.st_uid, group: status.st_gid,
      modified: (Int64(status.st_mtim.tv_sec), Int32(status.st_mtim.tv_nsec)), attributes: attributes)
  }
}

extension Descriptor {
  fileprivate func entry(_ path: String, kind: FileEntry.Kind) throws -> FileEntry {
    FileEntry(path, kind: kind, status: try status(), attributes: try attributes())
  }

  /// The extended attributes, without those that belong to the machine (`security.selinux`).
  private func attributes() throws -> [String: [UInt8]] {
    var names = [CChar](repeating: 0, count: 65536)
    let length = flistxattr(fd, &names, names.count)
    if length < 0 {
      return errno == EOPNOTSUPP ? [:] : try { throw GoudError.system("list attributes of", self.path) }()
    }
    var result: [String: [UInt8]] = [:]
    for bytes in names[..<max(0, length)].split(separator: 0) {
      let name = String(decoding: bytes.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      if name == "security.selinux" { continue }
      var value = [UInt8](repeating: 0, count: 65536)
      let count = fgetxattr(fd, name, &value, value.count)
      if count >= 0 { result[name] = Array(value[..<count]) }
    }
    return result
  }
}

extension timespec {
  fileprivate static func == (left: timespec, right: timespec) -> Bool {
    left.tv_sec == right.tv_sec && left.tv_nsec == right.tv_nsec
  }
}
