import Foundation
import TestSupport

/// Stock restic with a repository of its own.
struct Restic {
  static let password = "password"

  let repository: String

  /// Runs restic to its end.
  /// - Returns: what it printed.
  /// - Throws: `TestFailure` when it fails.
  @discardableResult
  func run(_ arguments: String..., in directory: String? = nil, timeZone: String = "UTC") async throws -> String {
    let finished = try await Programs.run(
      "restic", ["--no-cache", "--repo", repository] + arguments,
      environment: ["RESTIC_PASSWORD": Self.password, "TZ": timeZone], in: directory)
    guard finished.status == 0 else { throw TestFailure("restic \(arguments): \(finished.errors) \(finished.output)") }
    return finished.output
  }

  /// The one snapshot's file and its identifier.
  func snapshot() async throws -> (id: String, text: String) {
    let ids = try await run("list", "snapshots").split(separator: "\n").map(String.init)
    guard ids.count == 1 else { throw TestFailure("\(ids.count) snapshots") }
    return (ids[0], try await run("cat", "snapshot", ids[0]))
  }
}
