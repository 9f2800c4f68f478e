public import Foundation
public import GoudCore

/// The volumes that are known by name: the directories in `$GOUD_HOME/<environment>/volumes`. Those whose name starts
/// with a dot are Goud's own (what restores build and keep) and do not count.
public struct VolumeCatalog: Sendable {
  public let directory: String
  /// Volumes of the environment that are there, and whose data cannot be seen now, by name, and why: in no list, and
  /// refused when they are named.
  public let absent: [String: GoudError]
  /// Where relative paths of the user start.
  let workingDirectory: String

  public init(
    directory: String, absent: [String: GoudError] = [:],
    workingDirectory: String = FileManager.default.currentDirectoryPath
  ) {
    self.directory = directory
    self.absent = absent
    self.workingDirectory = workingDirectory
  }

  public init(_ configuration: GoudConfiguration, absent: [String: GoudError] = [:]) {
    self.init(directory: configuration.volumesDirectory, absent: absent)
  }

  /// Sorted by name; empty when the directory is not there yet.
  public func list() throws -> [Volume] {
    guard try FileSystem.status(directory) != nil else { return [] }
    return try FileSystem.names(in: directory).filter { !$0.hasPrefix(".") }.sorted().compactMap { name in
      guard let path = FileSystem.realPath("\(directory)/\(name)"), try FileSystem.status(path)?.isDirectory == true
      else { return nil }
      return Volume(name: name, path: path)
    }
  }

  /// Finds what a user named: `node1` or `node1_data` of the catalog, a path (anything with a `/`, relative to the
  /// working directory), or `NAME=PATH`. Links are followed.
  /// - Throws: `volume.not-found`, `volume.not-a-directory`, `volume.ambiguous`, and `volume.no-database` unless
  ///   `holdingDatabase` is false.
  public func resolve(_ text: String, holdingDatabase: Bool = true) throws -> Volume {
    let volume =
      switch try VolumeReference(text) {
      case .name(let name): try named(name)
      case .path(let path, let name): try atPath(path, name: name)
      }
    if holdingDatabase { _ = try volume.databases() }
    return volume
  }

  /// Several at once; none named: all of the catalog, with a database or without.
  /// - Throws: also `volume.ambiguous` when two have one name, or one is named twice.
  public func resolve(_ texts: [String], holdingDatabase: Bool = true) throws -> [Volume] {
    guard !texts.isEmpty else { return try list() }
    var found: [Volume] = []
    for text in texts {
      let volume = try resolve(text, holdingDatabase: holdingDatabase)
      if let other = found.first(where: { $0.name == volume.name || $0.path == volume.path }) {
        throw GoudError(
          .volumeAmbiguous,
          other.path == volume.path
            ? "\(volume.path) is named twice" : "\(other.path) and \(volume.path) are both named \(volume.name)",
          hint: "name each volume once; give it a name of its own with NAME=PATH")
      }
      found.append(volume)
    }
    return found
  }

  private func named(_ name: String) throws -> Volume {
    let there = try ["", "_data"].map { name + $0 }.filter { try FileSystem.status("\(directory)/\($0)") != nil }
    guard there.count < 2 else {
      throw GoudError(
        .volumeAmbiguous, "\(name) could be \(there[0]) or \(there[1]) in \(directory)",
        hint: "name its path: \(directory)/\(there[0])")
    }
    guard let only = there.first else { throw try absent[name] ?? absent["\(name)_data"] ?? unknown(name) }
    return try atPath("\(directory)/\(only)", name: only)
  }

  private func unknown(_ name: String) throws -> GoudError {
    let known = try list().map(\.name)
    let hint =
      if try FileSystem.status(name.absolute(from: workingDirectory)) != nil {
        "for the one in the working directory, write ./\(name)"
      } else if known.isEmpty {
        "name a path, which has a '/' in it; there are no volumes by name yet"
      } else {
        "known are \(known.joined(separator: ", ")); a path has a '/' in it"
      }
    return GoudError(
      .volumeNotFound, "there is no volume \(name) in \(directory)", hint: hint, context: ["volume": name])
  }

  private func atPath(_ path: String, name: String?) throws -> Volume {
    let absolute = path.absolute(from: workingDirectory)
    guard try FileSystem.status(absolute) != nil, let real = FileSystem.realPath(absolute) else {
      throw GoudError(
        .volumeNotFound, "\(absolute) is not there", hint: "name the directory of a RocksDB, or one that holds it",
        context: ["path": absolute])
    }
    guard try FileSystem.status(real)?.isDirectory == true else {
      throw GoudError(
        .volumeNotDirectory, "\(absolute) is a file, not a directory",
        hint: "name the directory of a RocksDB, or one that holds it", context: ["path": absolute])
    }
    let name = name ?? FileSystem.name(of: real)
    guard VolumeReference.isName(name) else {
      throw GoudError(.usage, "\(absolute) needs a name of its own", hint: "write NAME=\(absolute)")
    }
    return Volume(name: name, path: real)
  }
}

/// `NAME`, `PATH` or `NAME=PATH`, told apart by text alone: a `=` before the first `/` ends a name.
enum VolumeReference: Equatable {
  case name(String)
  case path(String, name: String?)

  /// - Throws: `usage.invalid` for what is none of them.
  init(_ text: String) throws {
    let slash = text.firstIndex(of: "/") ?? text.endIndex
    if let equals = text[..<slash].firstIndex(of: "=") {
      let name = String(text[..<equals])
      let path = String(text[text.index(after: equals)...])
      guard Self.isName(name), Self.isPath(path) else { throw Self.fault(text) }
      self = .path(path, name: name)
    } else if slash < text.endIndex {
      guard Self.isPath(text) else { throw Self.fault(text) }
      self = .path(text, name: nil)
    } else {
      guard Self.isName(text) else { throw Self.fault(text) }
      self = .name(text)
    }
  }

  /// One component of a path, short enough that the names of restores beside it fit (255 bytes).
  static func isName(_ text: String) -> Bool {
    !text.isEmpty && text != "." && text != ".." && text.utf8.count <= 200
      && !text.utf8.contains { $0 == 0 || $0 == 47 }
  }

  private static func isPath(_ text: String) -> Bool { !text.isEmpty && !text.utf8.contains(0) }

  private static func fault(_ text: String) -> GoudError {
    GoudError(
      .usage, "'\(text)' is not a volume's NAME, PATH or NAME=PATH",
      hint: "a path has a '/' in it: ./data or node1=./data"
    )
  }
}
