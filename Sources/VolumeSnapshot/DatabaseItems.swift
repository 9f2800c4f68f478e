import GoudCore

/// The captured files of a volume's databases as entries. A file that has several names among them (a checkpoint shares its
/// tables with its database) is a file under the first, and a second name under the others.
struct DatabaseItems {
  private(set) var items: [VolumeItem] = []
  /// Where each held table and blob file is stored.
  private(set) var paths: [FileIdentity: String] = [:]

  init(_ databases: [DatabaseSnapshot], root: String) {
    for file in databases.flatMap(\.files) {
      let directory = file.directory == root ? "" : String(file.directory.dropFirst(root.count + 1))
      let path = directory.isEmpty ? file.name : "\(directory)/\(file.name)"
      guard file.isHeld else {
        items.append(file.item(path))
        continue
      }
      if let first = paths[file.status.identity] {
        let entry = FileEntry(path, kind: .secondName(of: first), status: file.status)
        items.append(.init(entry: entry, content: nil, prove: nil, settle: nil))
      } else {
        paths[file.status.identity] = path
        items.append(file.item(path))
      }
    }
  }

  var secondNames: Int { items.count { if case .secondName = $0.entry.kind { true } else { false } } }
}

extension DatabaseSnapshot.File {
  /// Whether its bytes are those of the file itself, which never change: tables and blob files.
  fileprivate var isHeld: Bool {
    switch DatabaseFileName(name) {
    case .table, .blob: true
    default: false
    }
  }

  fileprivate func item(_ path: String) -> VolumeItem {
    let entry = FileEntry(path, kind: .file(size: size), status: status)
    let version = isHeld ? FileVersion(status) : nil
    guard needsProof else { return .init(entry: entry, content: content, version: version, prove: nil, settle: nil) }
    return .init(
      entry: entry, content: content, version: version, prove: { @Sendable in try self.prove() }, settle: nil)
  }
}
