import Foundation
import GoudCore
import TestSupport

/// A directory as somebody else sees it who shares no code with Goud: every name with its metadata, the SHA-256 of a
/// file's bytes, and which names are one file.
struct Manifest: Equatable {
  struct Item: Equatable, Decodable {
    let path: String
    let kind: String
    let mode: UInt32
    let owner: UInt32
    let group: UInt32
    let seconds: Int64
    let nanoseconds: Int32
    let size: Int64
    let sha256: String
    let target: String
    /// The first path of the same file.
    let first: String
    /// In base64, by name.
    let attributes: [String: Data]
  }

  /// A directory before what it holds.
  let items: [Item]

  private static let script = """
    import base64, hashlib, json, os, stat, sys
    os.chdir(sys.argv[1])
    firsts = {}
    def see(path):
        s = os.lstat(path)
        link = stat.S_ISLNK(s.st_mode)
        file = stat.S_ISREG(s.st_mode)
        kind = "link" if link else "file" if file else "directory" if stat.S_ISDIR(s.st_mode) else "other"
        names = [] if link else os.listxattr(path)
        print(json.dumps({
            "path": path, "kind": kind, "mode": stat.S_IMODE(s.st_mode), "owner": s.st_uid, "group": s.st_gid,
            "seconds": s.st_mtime_ns // 10**9, "nanoseconds": s.st_mtime_ns % 10**9, "size": s.st_size if file else 0,
            "sha256": hashlib.sha256(open(path, "rb").read()).hexdigest() if file else "",
            "target": os.readlink(path) if link else "", "first": firsts.setdefault(s.st_ino, path) if file else "",
            "attributes": {n: base64.b64encode(os.getxattr(path, n)).decode() for n in names}}))
        if kind == "directory":
            for name in sorted(os.listdir(path), key=os.fsencode):
                see(path + "/" + name)
    see(sys.argv[2])
    """

  /// - Parameter name: what is looked at, itself and all below, in `directory`.
  static func of(_ name: String, in directory: String) async throws -> Manifest {
    let made = try await Programs.run("python3", ["-c", script, directory, name])
    guard made.status == 0 else { throw TestFailure("python3: \(made.errors)") }
    return Manifest(
      items: try made.output.utf8.split(separator: UInt8(ascii: "\n")).map {
        try JSONDecoder().decode(Item.self, from: Data($0))
      })
  }
}

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
