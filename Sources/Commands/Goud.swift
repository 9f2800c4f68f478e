public import ArgumentParser
import Foundation
public import GoudCore
import Runtime
import Synchronization

/// The command line. One file per verb; this one only names them and decides what the process exits with.
public struct Goud: ParsableCommand {
  public static let version = Release.version

  public static let configuration = CommandConfiguration(
    commandName: "goud",
    abstract: "Back up, prove and restore the volumes of RocksDB-backed blockchain nodes.",
    discussion:
      "Exit codes and JSON: docs/scripting.md. Shell completion: goud --generate-completion-script bash|zsh|fish.",
    version: version,
    subcommands: [
      VolumeGroup.self, BackupGroup.self, RestoreCommand.self, RepoGroup.self, NetworkGroup.self, ScheduleGroup.self,
      ConfigGroup.self, SecretsGroup.self, AgentGroup.self, NodeGroup.self,
    ])

  public init() {}

  /// Parses the arguments, runs the verb, and says which documented status the process should exit with.
  public static func run(_ arguments: [String]) -> ExitStatus {
    Signals.watch()
    do {
      try ProcessPrivacy.leaveNoCore()
      let leave = try HelperContainer.enter()
      defer { leave?() }
      var command = try parseAsRoot(arguments)
      try command.run()
      return Output.isCut.load(ordering: .relaxed) ? .failed : .done
    } catch let status as ExitStatus {
      return status
    } catch let error as GoudError {
      ErrorReport(error).print(asJSON: arguments.asksForJSON)
      return error.code.exitStatus
    } catch {
      return end(error, asJSON: arguments.asksForJSON)
    }
  }

  /// What ArgumentParser throws: help and version asked for (0), or arguments that do not fit (64).
  private static func end(_ error: any Error, asJSON: Bool) -> ExitStatus {
    switch exitCode(for: error) {
    case .success:
      Output.write(fullMessage(for: error))
      return .done
    case .validationFailure where !asJSON:
      Output.note(fullMessage(for: error))
      return .usage
    case .validationFailure:
      ErrorReport(GoudError(.usage, message(for: error))).print(asJSON: true)
      return .usage
    default:
      ErrorReport(GoudError(.internalFault, "\(error)")).print(asJSON: asJSON)
      return .failed
    }
  }
}

/// A verb that ends with a status other than 0 without an error to report throws it.
extension ExitStatus: Error {}

extension [String] {
  fileprivate var asksForJSON: Bool {
    contains("--format=json") || zip(self, dropFirst()).contains { $0 == "--format" && $1 == "json" }
  }
}
