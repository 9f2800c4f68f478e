import Foundation
import GoudCore

/// What the process was started with, as far as configuration depends on it. Tests make their own.
public struct ConfigurationContext: Sendable {
  public var variables: [String: String]
  public var workingDirectory: String
  /// The program's own file; nil when unknown.
  public var executable: String?
  public var isRoot: Bool

  public init(variables: [String: String], workingDirectory: String, executable: String? = nil, isRoot: Bool = false) {
    self.variables = variables
    self.workingDirectory = workingDirectory
    self.executable = executable
    self.isRoot = isRoot
  }

  public static var process: ConfigurationContext {
    ConfigurationContext(
      variables: ProcessInfo.processInfo.environment, workingDirectory: FileManager.default.currentDirectoryPath,
      executable: FileSystem.realPath("/proc/self/exe"), isRoot: geteuid() == 0)
  }
}

/// The directory `config/`: `base/constants.env` and `environments/<environment>/overrides.env`.
///
/// Found as `GOUD_CONFIG_DIR`, else `config` in the working directory, else `config` beside or above the executable.
/// A directory of that name counts only when it holds `base/constants.env`, so that another program's is left alone.
public struct ConfigurationDirectory: Sendable {
  /// Absolute.
  public let path: String
  /// The directory that holds it; relative paths in its files start here.
  public var root: String { FileSystem.parent(of: path) }

  /// - Throws: `config.invalid-value` when `GOUD_CONFIG_DIR` names no directory.
  static func find(_ context: ConfigurationContext) throws -> ConfigurationDirectory? {
    if let named = context.variables["GOUD_CONFIG_DIR"], !named.isEmpty {
      let path = named.absolute(from: context.workingDirectory)
      guard let real = FileSystem.realPath(path), try FileSystem.status(real)?.isDirectory == true else {
        throw GoudError(
          .configInvalid, "GOUD_CONFIG_DIR in the environment is '\(named)', which is not a directory",
          hint: "name the directory that holds base/constants.env", context: ["key": "GOUD_CONFIG_DIR"])
      }
      return ConfigurationDirectory(path: real)
    }
    var candidates = [context.workingDirectory]
    var path = context.executable ?? "/"
    while path != "/" && path != "." {
      path = FileSystem.parent(of: path)
      candidates.append(path)
    }
    return candidates.lazy.map { $0 == "/" ? "/config" : "\($0)/config" }
      .first { (try? FileSystem.status("\($0)/base/constants.env"))??.isRegular == true }
      .map { ConfigurationDirectory(path: $0) }
  }

  /// The names of the environments that have an `overrides.env`, sorted.
  func environments() throws -> [String] {
    let parent = "\(path)/environments"
    guard try FileSystem.status(parent) != nil else { return [] }
    return try FileSystem.names(in: parent).filter { try FileSystem.status("\(parent)/\($0)/overrides.env") != nil }
      .sorted()
  }

  func constants() throws -> ConfigurationFile? { try file("base/constants.env") }

  func overrides(_ environment: String) throws -> ConfigurationFile? {
    try file("environments/\(environment)/overrides.env")
  }

  private func file(_ relative: String) throws -> ConfigurationFile? {
    try ConfigurationFile(path: "\(path)/\(relative)", name: "\(FileSystem.name(of: path))/\(relative)")
  }
}

extension String {
  /// This path, from `base` when it is relative; `.` components and doubled slashes gone, `..` kept.
  func absolute(from base: String) -> String {
    let whole = hasPrefix("/") ? self : "\(base)/\(self)"
    return "/" + whole.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
  }
}
