import Foundation
import GoudCore
import Volumes

/// The variables of a process that outlives the command that starts it: those that it needs, by name, and no others.
/// Whatever else is in the command's own environment, credentials for one, stays there.
public struct ProcessEnvironment: Sendable, Hashable {
  public let variables: [String: String]

  private init(_ names: Set<String>, _ settings: [String: String] = [:]) {
    variables = ProcessInfo.processInfo.environment.filter { names.contains($0.key) }.merging(settings) { $1 }
  }

  /// Where programs, libraries and temporaries are, and how words and times are spelt.
  private static let common: Set<String> = {
    let names: Set = ["PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "LD_PRELOAD"]
    #if DEBUG
      // A test's clock.
      return names.union(["FAKETIME", "NO_FAKE_STAT"])
    #else
      return names
    #endif
  }()

  /// Of a program that is told everything by its arguments.
  public static var plain: ProcessEnvironment { ProcessEnvironment(common) }

  /// Of a node: everything but its secrets is among its arguments.
  static var node: ProcessEnvironment { ProcessEnvironment(common.union(SecretVariables.names)) }

  /// Of a manager: Goud's settings, and what its nodes need.
  /// - Parameters:
  ///   - settings: what it is told otherwise than this process was.
  ///   - usesStore: whether it follows the volumes into a repository: then also what bucket tools are set up with.
  public static func manager(_ settings: [String: String], usesStore: Bool) -> ProcessEnvironment {
    var names = configuration.union(common).union(SecretVariables.names)
    if usesStore { names.formUnion(store.union(passwords)) }
    #if DEBUG
      names.formUnion(["GOUD_KILL_AT", "GOUD_KILL_LOG"])
    #endif
    return ProcessEnvironment(names, settings)
  }

  /// Of a run in a helper container.
  /// - Parameter usesStore: whether it reads or writes a bucket: then also what bucket tools are set up with.
  static func helper(usesStore: Bool, _ settings: [String: String]) -> ProcessEnvironment {
    ProcessEnvironment(
      configuration.union(common).union(["GOUD_NO_EXCHANGE", "TERM"]).union(usesStore ? store : []), settings)
  }

  private static let configuration = Set(ConfigurationKey.allCases.map(\.rawValue))
    .union(["GOUD_CONFIG_DIR", "XDG_DATA_HOME", "DOCKER_HOST"])

  /// What is set of what bucket tools are set up with.
  private static var store: Set<String> {
    Set(ProcessInfo.processInfo.environment.keys.filter { name in storePrefixes.contains { name.hasPrefix($0) } })
  }

  /// Where the password of a repository is; never the password itself.
  private static let passwords: Set = ["GOUD_PASSWORD_FILE", "RESTIC_PASSWORD_FILE", "RESTIC_PASSWORD_COMMAND"]

  /// Amazon's, Google's and rclone's own, certificates to believe, and the way out.
  private static let storePrefixes = [
    "AWS_", "GOOGLE_", "CLOUDSDK_", "RCLONE_", "SSL_CERT_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy",
    "https_proxy", "no_proxy",
  ]
}
