import Foundation
import GoudCore
import RocksDB
import TestSupport
import VolumeSnapshot

@testable import Volumes

/// A `GOUD_HOME` of a test's own.
struct VolumeFixture {
  let root: String
  let configuration: GoudConfiguration
  var catalog: VolumeCatalog { VolumeCatalog(directory: configuration.volumesDirectory, workingDirectory: root) }
  var inspector: VolumeInspector {
    var inspector = VolumeInspector(configuration)
    inspector.scratch = root
    return inspector
  }

  init(_ root: String, home: String? = nil, variables: [String: String] = [:]) throws {
    self.root = root
    configuration = try GoudConfiguration.load(
      context: ConfigurationContext(
        variables: variables.merging(["GOUD_HOME": home ?? "\(root)/home"]) { $1 }, workingDirectory: root))
    try makeDirectory(configuration.volumesDirectory)
  }

  /// A volume with a small closed database of two flushed tables and a log.
  @discardableResult
  func volume(_ name: String, database: String = "rocksdb") throws -> Volume {
    let path = "\(configuration.volumesDirectory)/\(name)"
    try makeDatabase(database == "." ? path : "\(path)/\(database)")
    return Volume(name: name, path: path)
  }
}

func makeDirectory(_ path: String) throws {
  try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
}

func makeDatabase(_ directory: String) throws {
  try makeDirectory(directory)
  var options = DatabaseOptions()
  options.level0CompactionTrigger = 100
  options.compression = .snappy
  options.writeBufferBytes = 1 << 16  // RocksDB reserves this much for a log, and one test's disk is small
  let database = try Database(directory: directory, families: ["default", "blocks"], options: options)
  for round in 0..<2 as Range<UInt8> {
    for key in 0..<100 as Range<UInt8> { try database.put([key, round], for: [key], family: "blocks") }
    try database.flush(family: "blocks")
  }
  try database.put([1], for: [2], sync: true)
}

func makeFile(_ path: String, bytes: Int = 1, mode: Int = 0o600) throws {
  try makeDirectory(FileSystem.parent(of: path))
  try Data(repeating: 1, count: bytes).write(to: URL(fileURLWithPath: path))
  try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
}

/// The first file of a directory whose name ends so.
func file(_ suffix: String, in directory: String) throws -> String {
  guard let name = try FileSystem.names(in: directory).sorted().first(where: { $0.hasSuffix(suffix) }) else {
    throw TestFailure("no …\(suffix) in \(directory)")
  }
  return "\(directory)/\(name)"
}
