import GoudCore
import Layout

#if canImport(Glibc)
  import Glibc
#endif

/// The directories of a volume that hold files of RocksDB's names, at any depth and under any name. No link is followed.
struct VolumeTree {
  struct Directory {
    /// Relative to the root; `.` for the root.
    let path: String
    let absolute: String
    /// Whether the path is what the directory is called: a part that is not UTF-8 is written as `\xe9`.
    let isNamed: Bool
    /// The names that are RocksDB's, of anything but directories.
    let names: [String]
    /// Whether it is on another file system than the root.
    let isMounted: Bool

    /// Whether it has a `CURRENT`, and a `MANIFEST` or the word of `CURRENT` that there should be one.
    let holdsDatabase: Bool
    var holdsManifest: Bool { names.holdManifest }
    var holdsTables: Bool { names.contains { DatabaseFileName($0).isTableOrBlob } }
    var newestLog: UInt64? {
      names.compactMap { if case .log(let number) = DatabaseFileName($0) { number } else { nil } }.max()
    }
  }

  let root: UntrustedDirectory
  /// Sorted by path.
  let directories: [Directory]

  /// What lies deeper is refused: nobody nests a database like that, and every step costs.
  private static let depth = 1000

  /// Directories that vanish meanwhile are left out.
  init(root path: String) throws {
    root = try UntrustedDirectory(root: path)
    var found: [Directory] = []
    var pending: [[UntrustedDirectory.Entry]] = [[]]
    while let way = pending.popLast() {
      guard let directory = try Self.open(way, below: root) else { continue }
      var names: [String] = []
      try directory.visit { entry in
        if try entry.isDirectory(in: directory) {
          // A restore's work, or a safety copy: no part of this volume.
          if way.isEmpty, let name = entry.text, RestoreName.isWork(inRoot: name) { return }
          pending.append(way + [entry])
        } else if let name = entry.text, DatabaseFileName(name) != .foreign {
          names.append(name)
        }
      }
      guard way.count < Self.depth else {
        throw GoudError(.volumeUnsafe, "\(path) holds directories more than \(Self.depth) levels deep")
      }
      guard !names.isEmpty else { continue }
      found.append(
        Directory(
          path: way.isEmpty ? "." : way.map(\.name).joined(separator: "/"), absolute: directory.path,
          isNamed: way.allSatisfy { $0.text != nil }, names: names,
          isMounted: directory.descriptor.mount != root.descriptor.mount,
          holdsDatabase: try names.contains("CURRENT") && (names.holdManifest || directory.namesManifest)))
    }
    directories = found.sorted { $0.path < $1.path }
  }

  private static func open(
    _ way: [UntrustedDirectory.Entry], below root: UntrustedDirectory
  ) throws -> UntrustedDirectory? {
    do {
      return try way.reduce(root as UntrustedDirectory?) { try $0?.directory($1) }
    } catch let error as GoudError where error.code == .ioPermission && way.first?.name == "lost+found" {
      // The file system's own directory is for root alone, and nothing of the volume.
      return nil
    }
  }
}

extension [String] {
  fileprivate var holdManifest: Bool { contains { DatabaseFileName($0).isManifest } }
}

extension UntrustedDirectory {
  /// Whether `CURRENT` reads as RocksDB writes it; not so for a file of another program that is called like it.
  fileprivate var namesManifest: Bool {
    get throws {
      guard let file = try file("CURRENT", others: .absent), try file.status().st_size <= 64 else { return false }
      let text = String(decoding: try file.readAll(), as: UTF8.self)
      return text.hasSuffix("\n") && DatabaseFileName(String(text.dropLast())).isManifest
    }
  }
}

extension UntrustedDirectory.Entry {
  /// Asks the directory where the listing does not say it.
  fileprivate func isDirectory(in directory: UntrustedDirectory) throws -> Bool {
    if let kind { return kind == .directory }
    return try directory.directory(self) != nil
  }
}
