import Foundation
import GoudCore
public import VolumeSnapshot

extension VolumeSnapshot {
  /// All entries, in an order in which they can be written.
  public var items: [VolumeItem] {
    var others: [VolumeItem] = []
    var names: [VolumeItem] = []
    do {
      try self.beside.each { others.append($0) }
      try self.beside.eachSecondName { names.append($0) }
    } catch {
      fatalError("\(error)")
    }
    return others + databaseItems + names
  }

  public var skipped: [String] { beside.skipped }

  /// Writes the snapshot's files below `directory`, with nothing between the snapshot and the file system.
  public func unpack(to directory: String) throws {
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    for item in items {
      let path = "\(directory)/\(item.entry.path)"
      switch item.entry.kind {
      case .directory: try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      case .link(let target): try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: target)
      case .secondName(let first): try FileManager.default.linkItem(atPath: "\(directory)/\(first)", toPath: path)
      case .file(let size): try item.content!.write(to: path, size: size)
      }
    }
  }
}

extension ByteSource {
  fileprivate func write(to path: String, size: Int64) throws {
    var bytes = [UInt8](repeating: 0, count: Int(size))
    guard try bytes.withUnsafeMutableBytes({ try read(into: $0, at: 0) }) == bytes.count else {
      throw TestFailure("\(path) is shorter than announced")
    }
    try Data(bytes).write(to: URL(fileURLWithPath: path))
  }
}
