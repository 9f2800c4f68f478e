public import Foundation

/// A directory as somebody else sees it who shares no code with Goud: every name with its metadata, the SHA-256 of a
/// file's bytes, and which names are one file.
public struct Manifest: Equatable, Sendable {
  public struct Item: Equatable, Sendable, Decodable {
    public let path: String
    public let kind: String
    public let mode: UInt32
    public let owner: UInt32
    public let group: UInt32
    public let seconds: Int64
    public let nanoseconds: Int32
    public let size: Int64
    public let sha256: String
    public let target: String
    /// The first path of the same file.
    public let first: String
    /// In base64, by name.
    public let attributes: [String: Data]
  }

  /// A directory before what it holds.
  public let items: [Item]

  public init(items: [Item]) { self.items = items }

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
  public static func of(_ name: String, in directory: String) async throws -> Manifest {
    let made = try await Programs.run("python3", ["-c", script, directory, name])
    guard made.status == 0 else { throw TestFailure("python3: \(made.errors)") }
    return Manifest(
      items: try made.output.utf8.split(separator: UInt8(ascii: "\n")).map {
        try JSONDecoder().decode(Item.self, from: Data($0))
      })
  }
}
