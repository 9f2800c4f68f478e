import Foundation

/// Real mounts for the time of a closure. Needs root and loop devices: without them the tests that use it fail, since a
/// check that is passed over in silence is worth nothing.
public enum Mounts {
  public static func ext4(megabytes: Int, at path: String, _ body: (String) async throws -> Void) async throws {
    try await loop("ext4", megabytes: megabytes, at: path, body)
  }

  /// A file system, `ext4` or `xfs`, in the file `path.img`.
  public static func loop(
    _ fileSystem: String, megabytes: Int, at path: String, _ body: (String) async throws -> Void
  ) async throws {
    let image = "\(path).img"
    try await require("truncate", ["-s", "\(megabytes)M", image])
    try await require("mkfs.\(fileSystem)", ["-q", image])
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    try await mounted(["-o", "loop", image, path], path, body)
  }

  public static func bind(
    _ source: String, at path: String, readOnly: Bool = false, _ body: (String) async throws -> Void
  ) async throws {
    for directory in [source, path] {
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    }
    try await mounted(["-o", readOnly ? "bind,ro" : "bind", source, path], path, body)
  }

  public static func tmpfs(megabytes: Int, at path: String, _ body: (String) async throws -> Void) async throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    try await mounted(["-t", "tmpfs", "-o", "size=\(megabytes)m", "tmpfs", path], path, body)
  }

  /// Takes what is free of a `tmpfs` but for so many bytes, until `body` ends.
  public static func filled(
    _ path: String, leaving room: Int = 0, _ body: () async throws -> Void
  ) async throws {
    let filler = try Filler(on: path, leaving: room)
    defer { withExtendedLifetime(filler) {} }
    try await body()
  }

  /// Nobody can write to what is mounted at `path` until `body` ends.
  public static func readOnly(_ path: String, _ body: () async throws -> Void) async throws {
    try await require("mount", ["-o", "remount,ro", path])
    do {
      try await body()
    } catch {
      try await require("mount", ["-o", "remount,rw", path])
      throw error
    }
    try await require("mount", ["-o", "remount,rw", path])
  }

  /// `tmpfs`, `overlay`, `fuse.bindfs` (over directories beside `path`), or a `loop`.
  public static func kind(_ kind: String, at path: String, _ body: (String) async throws -> Void) async throws {
    for name in ["", ".source", ".upper", ".work"] {
      try FileManager.default.createDirectory(atPath: "\(path)\(name)", withIntermediateDirectories: true)
    }
    switch kind {
    case "tmpfs": try await mounted(["-t", kind, "-o", "size=256m", kind, path], path, body)
    case "overlay":
      let layers = "lowerdir=\(path).source,upperdir=\(path).upper,workdir=\(path).work"
      try await mounted(["-t", kind, "-o", layers, kind, path], path, body)
    case "fuse.bindfs": try await mounted(["-t", kind, "\(path).source", path], path, body)
    default: try await loop(kind, megabytes: 320, at: path, body)
    }
  }

  /// exFAT through FUSE: no links of either kind, no modes, no flags of a rename.
  public static func exFAT(megabytes: Int, at path: String, _ body: (String) async throws -> Void) async throws {
    let image = "\(path).img"
    try await require("truncate", ["-s", "\(megabytes)M", image])
    try await require("mkfs.exfat", [image])
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    let device = try await Programs.run("losetup", ["-f", "--show", image]).output
      .trimmingCharacters(in: .whitespacesAndNewlines)
    do {
      try await mounted(["-t", "exfat-fuse", device, path], path, body)
    } catch {
      try await require("losetup", ["-d", device])
      throw error
    }
    try await require("losetup", ["-d", device])
  }

  /// Whether the kernel lets this user grow an ext4 that is mounted: CAP_SYS_RESOURCE.
  public static func mayGrowExt4() async throws -> Bool {
    try await Programs.run("capsh", ["--has-p=cap_sys_resource"]).status == 0
  }

  /// Finds no fault in an ext4 that nobody writes to.
  public static func isWhole(_ device: String, at path: String) async throws {
    try await require("mount", ["-o", "remount,ro", path])
    try await require("e2fsck", ["-fn", device])
  }

  private static func mounted(
    _ arguments: [String], _ path: String, _ body: (String) async throws -> Void
  ) async throws {
    try await require("mount", arguments)
    do {
      try await body(path)
    } catch {
      try await require("umount", [path])
      throw error
    }
    try await require("umount", [path])
  }

  private static func require(_ program: String, _ arguments: [String]) async throws {
    let result = try await Programs.run(program, arguments)
    guard result.status == 0 else { throw TestFailure("\(program): \(result.errors)") }
  }
}
