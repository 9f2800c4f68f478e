import GoudCore

/// The entries of a backup by directory, packed into one string of bytes for each: what `TreeWriter` gathers.
struct TreePlan {
  private struct Directory {
    let path: String
    var records = RecordWriter()
    /// Where each record begins.
    var starts: [Int] = []
  }

  /// A directory stands behind the one that holds it.
  private var directories = [Directory(path: "")]
  private var numbers: [[UInt8]: Int] = [[]: 0]
  private var names = SharedNames()

  mutating func add(_ entry: FileEntry, content: [ObjectID]) throws {
    let slash = entry.path.lastSlash
    let parent = slash.map { String(entry.path[..<$0]) } ?? ""
    guard !entry.path.isAbsolutePath, let number = numbers[parent.nameBytes] else {
      throw GoudError(.internalFault, "\(entry.path) came before the directory that holds it")
    }
    var named = entry
    named.path = slash.map { String(Substring(entry.path.utf8[entry.path.utf8.index(after: $0)...])) } ?? entry.path
    guard TreeName.isPlain(named.path.nameBytes) else {
      throw GoudError(.internalFault, "\(entry.path) is no name in a directory")
    }
    var child = 0
    switch entry.kind {
    case .directory:
      child = directories.count
      guard numbers.updateValue(child, forKey: entry.path.nameBytes) == nil else { throw Self.twice(entry.path) }
      directories.append(Directory(path: entry.path))
    case .secondName(let first): try names.add(entry.path, to: first)
    case .file, .link: break
    }
    directories[number].starts.append(directories[number].records.bytes.count)
    named.write(to: &directories[number].records)
    directories[number].records.put(child)
    directories[number].records.put(content.flatMap(\.bytes))
  }

  mutating func save(to saver: any BlobSaver) throws -> TreeWriter.Saved {
    if !names.isEmpty { try findFirsts() }
    var subtrees = [ObjectID?](repeating: nil, count: directories.count)
    var (new, stored) = (0, Int64(0))
    for number in directories.indices.reversed() {
      let saved = try saver.save(try text(of: directories[number], subtrees), as: .tree)
      subtrees[number] = saved.id
      if saved.isNew { (new, stored) = (new + 1, stored + Int64(saved.storedBytes)) }
      directories[number].records = RecordWriter()
      directories[number].starts = []
    }
    return TreeWriter.Saved(
      root: subtrees[0] ?? ObjectID(sha256Of: []), trees: directories.count, newTrees: new, storedBytes: stored)
  }

  // MARK: Texts

  private func text(of directory: Directory, _ subtrees: [ObjectID?]) throws -> [UInt8] {
    let starts = Self.sorted(directory)
    var text = TreeText(estimate: starts.count)
    var last: [UInt8]?
    for start in starts {
      let node = try node(at: start, in: directory, subtrees)
      if node.name == last { throw Self.twice(Self.join(directory.path, String(decoding: node.name, as: UTF8.self))) }
      last = node.name
      text.append(node)
    }
    return text.end()
  }

  private func node(at start: Int, in directory: Directory, _ subtrees: [ObjectID?]) throws -> Node {
    let record = Self.record(at: start, in: directory)
    var node = Node(record.entry, content: record.content, subtree: subtrees[record.child])
    guard !names.isEmpty, node.kind == .file else { return node }
    guard let file = names.file(Self.join(directory.path, record.entry.path)) else { return node }
    guard let first = file.first else {
      throw GoudError(.internalFault, "\(record.entry.path) is a second name of a file that did not come")
    }
    let name = node.name
    node = first
    (node.name, node.inode, node.deviceID, node.links) = (name, file.inode, SharedNames.deviceID, file.links)
    return node
  }

  /// Remembers the files that have several names, whichever directory they are in.
  private mutating func findFirsts() throws {
    for directory in directories {
      for start in directory.starts {
        let record = Self.record(at: start, in: directory)
        guard case .file = record.entry.kind else { continue }
        names.found(Node(record.entry, content: record.content), at: Self.join(directory.path, record.entry.path))
      }
    }
    names.assignNumbers()
  }

  // MARK: Records

  /// The entry has its name for a path; `child` is a directory's number among the directories.
  private static func record(
    at start: Int, in directory: Directory
  ) -> (entry: FileEntry, child: Int, content: [ObjectID]) {
    var record = RecordReader(directory.records.bytes, at: start)
    let entry = FileEntry(from: &record)
    let child = record.number(Int.self)
    let ids = record.string()
    let content = stride(from: 0, to: ids.count, by: ObjectID.count).compactMap {
      ObjectID(ids[$0..<$0 + ObjectID.count])
    }
    return (entry, child, content)
  }

  /// The records by name. A record begins with it.
  private static func sorted(_ directory: Directory) -> [Int] {
    directory.records.bytes.withUnsafeBytes { bytes in
      func name(_ start: Int) -> Slice<UnsafeRawBufferPointer> {
        let count = Int(Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: start, as: Int64.self)))
        return bytes[start + 8..<start + 8 + count]
      }
      return directory.starts.sorted { name($0).lexicographicallyPrecedes(name($1)) }
    }
  }

  private static func join(_ directory: String, _ name: String) -> String {
    directory.isEmpty ? name : "\(directory)/\(name)"
  }

  private static func twice(_ path: String) -> GoudError {
    GoudError(.internalFault, "\(path) came twice")
  }
}
