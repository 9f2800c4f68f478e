import Foundation
public import GoudCore
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// What the process was started with, as far as configuration depends on it. Tests make their own.
public struct ConfigurationContext: Sendable {
  public var variables: [String: String]
  public var workingDirectory: String
  /// The program's own file; nil when unknown.
  public var executable: String?
  public var isRoot: Bool
  /// Takes what a person is to be told: one sentence each time.
  public var warn: @Sendable (String) -> Void

  public init(
    variables: [String: String], workingDirectory: String, executable: String? = nil, isRoot: Bool = false,
    warn: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.variables = variables
    self.workingDirectory = workingDirectory
    self.executable = executable
    self.isRoot = isRoot
    self.warn = warn
  }

  /// Warns on standard error, of each thing once.
  public static var process: ConfigurationContext {
    ConfigurationContext(
      variables: ProcessInfo.processInfo.environment, workingDirectory: FileManager.default.currentDirectoryPath,
      executable: FileSystem.realPath("/proc/self/exe"), isRoot: geteuid() == 0,
      warn: { text in
        // Whose helper this is has said it.
        guard getenv("GOUD_HELPER") == nil, told.withLock({ $0.insert(text).inserted }) else { return }
        FileHandle.standardError.write(Data("warning: \(text)\n".utf8))
      })
  }

  private static let told = Mutex<Set<String>>([])
}

/// The directory `config/`: `base/constants.env` and `environments/<environment>/overrides.env`.
///
/// Found as `GOUD_CONFIG_DIR`, else `config` in the working directory, else `config` beside or above the executable.
/// A directory that nobody has named counts only when it holds `base/constants.env`, when it is Goud's by what is in it,
/// and, for root, when nobody can change it who could not change the program just as well (`ConfigurationTrust`).
public struct ConfigurationDirectory: Sendable {
  /// Absolute.
  public let path: String
  /// The directory that holds it; relative paths in its files start here.
  public var root: String { FileSystem.parent(of: path) }

  /// - Throws: `config.invalid-value` when `GOUD_CONFIG_DIR` names no directory.
  static func find(_ context: ConfigurationContext) throws -> ConfigurationDirectory? {
    let trust = ConfigurationTrust(context)
    if let named = try named(context) {
      if let doubt = trust.doubt(of: named) {
        context.warn("\(doubt); it is obeyed all the same, since GOUD_CONFIG_DIR names it")
      }
      return named
    }
    for found in candidates(context) {
      guard let objection = trust.objection(to: found) else { return found }
      context.warn("\(objection); GOUD_CONFIG_DIR=\(found.path) would have it obeyed all the same")
    }
    return nil
  }

  private static func named(_ context: ConfigurationContext) throws -> ConfigurationDirectory? {
    guard let named = context.variables["GOUD_CONFIG_DIR"], !named.isEmpty else { return nil }
    let path = named.absolute(from: context.workingDirectory)
    guard let real = FileSystem.realPath(path), try FileSystem.status(real)?.isDirectory == true else {
      throw GoudError(
        .configInvalid, "GOUD_CONFIG_DIR in the environment is '\(named)', which is not a directory",
        hint: "name the directory that holds base/constants.env", context: ["key": "GOUD_CONFIG_DIR"])
    }
    return ConfigurationDirectory(path: real)
  }

  private static func candidates(_ context: ConfigurationContext) -> [ConfigurationDirectory] {
    var parents = [context.workingDirectory]
    var path = context.executable ?? "/"
    while path != "/" && path != "." {
      path = FileSystem.parent(of: path)
      if !parents.contains(path) { parents.append(path) }
    }
    return parents.map { ConfigurationDirectory(path: $0 == "/" ? "/config" : "\($0)/config") }
      .filter { (try? FileSystem.status($0.constantsPath))??.isRegular == true }
  }

  private var constantsPath: String { "\(path)/base/constants.env" }

  /// Who, besides root and `trusted`, could change what is in it, and where; nil: nobody.
  /// - Throws: `io.*` when that cannot be told.
  public func stranger(
    trusting trusted: some Sequence<Custody.Custodian> = []
  ) throws -> (who: Custody.Custodian, place: String)? {
    for file in try files() + [path] {
      if let stranger = try Custody(of: file).stranger(trusting: trusted) { return stranger }
    }
    return nil
  }

  /// Every file of it that there is.
  func files() throws -> [String] {
    let overrides = try environments().map { "\(path)/environments/\($0)/overrides.env" }
    return try [constantsPath].filter { try FileSystem.status($0) != nil } + overrides
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
  package func absolute(from base: String) -> String {
    let whole = hasPrefix("/") ? self : "\(base)/\(self)"
    return "/" + whole.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
  }
}
