import GoudCore
import RocksDB

#if canImport(Glibc)
  import Glibc
#endif

/// The tables and blob files of a database, held open: they never change once the `MANIFEST` names them, and a deleted
/// file lives on while somebody holds it.
struct HeldTables {
  struct File {
    let name: String
    /// Where it lies.
    let path: String
    /// The file itself, or a copy of it without a name.
    let file: Descriptor
    /// As it was when it was last seen under its name. A file that the `MANIFEST` names is complete by then.
    fileprivate(set) var status: stat
  }

  /// Where the files are copied to; nil: they are held themselves.
  var copies: Scratch?

  /// By kind and number, as RocksDB knows them: it lists `000005.ldb` as `000005.sst`.
  private(set) var files: [DatabaseFileName: File] = [:]
  /// What else goes by a number, in other directories, and is another file.
  private(set) var rivals: [DatabaseFileName: [File]] = [:]

  /// Opens what is there now and lets go of what is not.
  ///
  /// A file in the database's own directory is the one that its number means; further directories are asked for those
  /// that are not there, unless they hold links to it. Several names of one file are one file.
  ///
  /// - Parameter directories: the database's own first.
  /// - Throws: `volume.unsafe-entry` for a link or a pipe in the place of a file of the database's own directory;
  ///   `io.too-many-open-files`.
  mutating func update(from directories: [UntrustedDirectory]) throws {
    var present: [DatabaseFileName: [File]] = [:]
    var own: Set<DatabaseFileName> = []
    var count = 0
    for (index, directory) in directories.enumerated() {
      let names = try Self.names(in: directory)
      // A checkpoint under way: its files are the database's own, and stand in for none that is missing there.
      let shared = names.filter { own.contains($0.1) }
      if try shared.contains(where: { try isLink($0.0, to: present[$0.1]![0], in: directory) }) { continue }
      count += names.count
      try DescriptorLimit.require(count, for: directories[0].path)
      for (name, key) in names {
        guard !own.contains(key), let status = try directory.status(name),
          present[key]?.contains(where: { $0.status.identity == status.identity }) != true,
          let file = try known(key, status) ?? open(name, in: directory, isOwn: index == 0)
        else { continue }
        present[key, default: []].append(file)
        if index == 0 { own.insert(key) }
      }
    }
    // What is gone by now was obsolete before the noted size of the MANIFEST, or the second look will tell.
    files = present.compactMapValues(\.first)
    rivals = present.mapValues { Array($0.dropFirst()) }.filter { !$0.value.isEmpty }
  }

  /// RocksDB prefers `000005.sst` to `000005.ldb`.
  private static func names(in directory: UntrustedDirectory) throws -> [(String, DatabaseFileName)] {
    var names: [(String, DatabaseFileName)] = []
    try directory.visit { entry in
      guard entry.kind != .directory, let name = entry.text else { return }
      let key = DatabaseFileName(name)
      if key.isTableOrBlob { names.append((name, key)) }
    }
    return names.sorted { $0.0 > $1.0 }
  }

  /// Whether a name is one more of a file of the database's own directory.
  private func isLink(_ name: String, to own: File, in directory: UntrustedDirectory) throws -> Bool {
    guard own.status.st_nlink > 1 else { return false }
    return try directory.status(name)?.identity == own.status.identity
  }

  private func known(_ key: DatabaseFileName, _ status: stat) -> File? {
    let all = [files[key]].compactMap { $0 } + (rivals[key] ?? [])
    guard var file = all.first(where: { $0.status.identity == status.identity }) else { return nil }
    // A copy does not grow.
    guard copies == nil || file.status.st_size == status.st_size else { return nil }
    file.status = status
    return file
  }

  private func open(_ name: String, in directory: UntrustedDirectory, isOwn: Bool) throws -> File? {
    guard let file = try directory.file(name, others: isOwn ? .refused : .absent) else { return nil }
    let status = try file.status()
    guard let copies else { return File(name: name, path: file.path, file: file, status: status) }
    let copy = try copies.anonymousFile()
    // What is cut while it is copied is obsolete.
    guard try file.copy(from: 0, to: Int64(status.st_size), into: copy) == Int64(status.st_size),
      try file.status().st_size >= status.st_size
    else { return nil }
    return File(name: name, path: file.path, file: copy, status: status)
  }
}

extension HeldTables {
  /// The files that a view consists of, by name; all of them when there is no view.
  /// - Throws: `database.corrupt` when one is missing; `snapshot.unsupported-layout` when it cannot be told which of two
  ///   files is the one.
  func live(in view: DatabaseView?, of location: DatabaseLocation) throws -> [File] {
    guard let view else { return files.values.sorted { $0.name < $1.name } }
    return try view.liveFiles.sorted().compactMap { name in
      let key = DatabaseFileName(name)
      guard key.isTableOrBlob else { return nil }
      guard let file = files[key] else {
        throw GoudError(.databaseCorrupt, "\(location.directory) is damaged: \(name) is missing")
      }
      if let rival = rivals[key]?.first(where: { $0.status.st_size == file.status.st_size }) {
        throw Self.ambiguous(location, rival)
      }
      return file
    }
  }

  /// A table that was found, but not where the tables are that the `MANIFEST` puts beside it: its own is missing.
  func astray(_ neighbours: [Set<UInt64>], of location: DatabaseLocation) -> GoudError? {
    for numbers in neighbours {
      let found = numbers.compactMap { files[.table($0)] }
      let places = Dictionary(grouping: found) { FileSystem.parent(of: $0.path) }
      let stray = places.filter { $0.key != location.directory }.values.joined().min { $0.name < $1.name }
      guard places.count > 1, let stray else { continue }
      return GoudError(
        .databaseCorrupt, "\(location.directory) is damaged: \(stray.name) is missing where its neighbours are",
        hint: "a file of that name lies in \(FileSystem.parent(of: stray.path)); restore an earlier backup, or rebuild "
          + "the volume from a peer", context: ["file": stray.path])
    }
    return nil
  }

  static func ambiguous(_ location: DatabaseLocation, _ rival: File) -> GoudError {
    GoudError(
      .snapshotUnsupported,
      "\(location.directory): \(rival.path) may be its table or another database's of the volume",
      hint: "name each database's own directory as a volume", context: ["path": rival.path])
  }

  /// - Parameter path: of the file, or of the database when it happened again and again.
  static func cut(_ path: String) -> GoudError {
    GoudError(
      .snapshotCut, "\(path) was deleted bit by bit while it was held",
      hint: "try again at a quieter time, or let the database's SstFileManager delete at once",
      context: ["path": path])
  }
}

extension HeldTables.File {
  /// Whether it is smaller than it was: RocksDB's `SstFileManager` deletes obsolete files bit by bit, those that somebody
  /// holds as well.
  var isCut: Bool { get throws { try file.status().st_size < status.st_size } }

  /// What its last bytes say of a table; `unknown` for what cannot be read.
  var format: TableFormat { (try? TableFormat(of: file, size: Int64(status.st_size))) ?? .unknown }

  /// The file's bytes, all of them or an error.
  var content: any ByteSource { HeldContent(held: self) }
}

private struct HeldContent: ByteSource {
  let held: HeldTables.File

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws -> Int {
    let count = try held.file.read(into: buffer, at: offset)
    if Int64(count) < min(Int64(buffer.count), Int64(held.status.st_size) - offset) { throw HeldTables.cut(held.path) }
    return count
  }
}
