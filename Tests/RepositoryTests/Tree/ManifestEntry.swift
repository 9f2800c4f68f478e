import Foundation
import GoudCore
import TestSupport

extension Manifest.Item {
  /// The item as Goud has it.
  var entry: FileEntry {
    let kind: FileEntry.Kind =
      switch kind {
      case "directory": .directory
      case "link": .link(target: target)
      default: first.nameBytes == path.nameBytes ? .file(size: size) : .secondName(of: first)
      }
    return FileEntry(
      path: path, kind: kind, mode: mode, owner: owner, group: group, modified: (seconds, nanoseconds),
      attributes: attributes.mapValues { Array($0) })
  }
}
