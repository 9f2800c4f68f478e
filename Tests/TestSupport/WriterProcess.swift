import Foundation
import GoudCore

/// The writer of the torture tests in a process of its own, writing while `body` runs, ended by SIGKILL.
public func withWriter<Result: Sendable>(
  _ arguments: [String], _ body: @Sendable (Running) async throws -> Result
) async throws -> Result {
  try await Programs.running(Programs.built("goud-writer"), arguments, body)
}

/// Writes a database of `operations` operations and closes it.
public func writeDatabase(_ directory: String, operations: Int, _ further: [String] = []) async throws {
  let oracle = "\(directory).oracle"
  let result = try await Programs.run(
    Programs.built("goud-writer"), [directory, "--oracle", oracle, "--operations", "\(operations)"] + further)
  guard result.status == 0 else { throw TestFailure("goud-writer: \(result.errors)") }
}
