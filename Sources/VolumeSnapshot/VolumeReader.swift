import CGoudLinux
import Foundation
import GoudCore
import Layout

#if canImport(Glibc)
  import Glibc
#endif

/// Walks a volume and takes what lies beside its databases: directories, links, other files. What is gone when it is
/// opened is gone; what cannot be read is left out by its name. Nothing here stops the backup of a database.
struct VolumeReader {
  let root: String
  let databases: [DatabaseSnapshot]
  let options: SnapshotOptions

  func read() throws -> OtherFiles {
    let scratch = try options.openScratch()
    var files = try OtherFiles(root: root, scratch: scratch, held: descriptors)
    let captured = Dictionary(grouping: databases.flatMap(\.files), by: \.directory)
    let firsts = DatabaseItems(databases, root: root).paths
    let look = FileLook(inventory: files.inventory, patience: options.patience)
    let pending = RecordSpool(in: scratch)
    try pending.append(Place(path: "", mount: -1).record)
    var next: Int64 = 0
    while let record = try pending.next(&next) {
      try options.cancellation.check()
      let place = Place(record)
      guard let directory = try enter(place, &files) else { continue }
      let own = captured[directory.absolute]
      try directory.visit { entry in
        try options.cancellation.check()
        guard let name = entry.text else {
          files.omitted.append("\(place.child(entry.name)): its name is not UTF-8")
          return
        }
        // The marker of a restore, the standing, what is staged: Goud's own, and a lie in any copy.
        if place.path.isEmpty && name.utf8.starts(with: VolumeName.reserved.utf8) {
          if RestoreName.isWork(inRoot: name) { files.skipped.append("\(name) (a restore's work, or a safety copy)") }
          return
        }
        let item = OtherItem(path: place.child(name), name: name, directory: directory.handle, mount: directory.mount)
        do {
          let kind = try item.kind
          // Of a database's directory, its files were captured; RocksDB's other files are no content.
          if own != nil && kind == .file && DatabaseFileName(name) != .foreign { return }
          guard kind == .directory else { return try look.take(item, known: firsts, options.oneFileSystem, &files) }
          if item.path == "lost+found" {
            files.skipped.append("\(item.path) (the file system's own)")
          } else {
            try pending.append(Place(path: item.path, mount: directory.mount).record)
          }
        } catch let error as GoudError where error.isOfOneFile {
          files.omitted.append("\(item.path): \(error.message)")
        }
      }
    }
    return files
  }

  /// A directory that is to be read: where it is, and the mount that its parent is on.
  private struct Place {
    let path: String
    let mount: Int64

    init(path: String, mount: Int64) {
      self.path = path
      self.mount = mount
    }

    init(_ bytes: [UInt8]) {
      var record = RecordReader(bytes)
      path = record.text()
      mount = record.number(Int64.self)
    }

    var record: [UInt8] {
      var record = RecordWriter()
      record.put(path)
      record.put(mount)
      return record.bytes
    }

    func child(_ name: String) -> String { path.isEmpty ? name : "\(path)/\(name)" }
  }

  private struct OpenDirectory {
    let handle: UntrustedDirectory
    let mount: Int64
    let absolute: String
    let isLeftOut: Bool

    func visit(_ body: (UntrustedDirectory.Entry) throws -> Void) throws { if !isLeftOut { try handle.visit(body) } }
  }

  /// Opens a directory and notes it; nil when it is gone, or may not be read.
  private func enter(_ place: Place, _ files: inout OtherFiles) throws -> OpenDirectory? {
    let handle: UntrustedDirectory
    do {
      guard let found = try files.root.directory(place.path, others: .absent) else { return nil }
      handle = found
      let entry = try handle.descriptor.entry(place.path, kind: .directory)
      try files.add(entry, .none)
    } catch let error as GoudError where error.isOfOneFile && !place.path.isEmpty {
      files.omitted.append("\(place.path): \(error.message)")
      return nil
    }
    let mount = handle.descriptor.mount
    let isMount = !place.path.isEmpty && mount != place.mount
    if isMount { files.note(mount: place.path, leftOut: options.oneFileSystem) }
    return OpenDirectory(
      handle: handle, mount: mount, absolute: place.path.isEmpty ? root : "\(root)/\(place.path)",
      isLeftOut: isMount && options.oneFileSystem)
  }

  /// How many large files may be held open beside the tables: then one that is deleted meanwhile is stored all the same.
  private var descriptors: Int {
    let tables = databases.reduce(0) { $0 + $1.files.count }
    return max(0, min(4096, (DescriptorLimit.raise() - tables - 512) / 2))
  }
}
