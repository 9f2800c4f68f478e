import Foundation

/// Real mounts for the time of a closure. Needs root and loop devices: without them the tests that use it fail, since a
/// check that is passed over in silence is worth nothing.
public enum Mounts {
  public static func ext4(megabytes: Int, at path: String, _ body: (String) async throws -> Void) async throws {
    let image = "\(path).img"
    try await require("truncate", ["-s", "\(megabytes)M", image])
    try await require("mkfs.ext4", ["-q", image])
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
