import Foundation
import GoudCore
import Subprocess

#if canImport(Glibc)
  import Glibc
#endif

/// Programs of the system and of providers.
enum Tool {
  /// - Throws: `volume.tool-missing` unless the program is in `PATH`.
  static func require(_ program: String) throws {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    let places = path.split(separator: ":").map { "\($0)/\(program)" }
    guard !places.contains(where: { access($0, X_OK) == 0 }) else { return }
    throw GoudError(
      .volumeToolMissing, "\(program) is not installed",
      hint: "install \(origin[program] ?? program), or put it on PATH",
      context: ["program": program])
  }

  private static let origin = [
    "gcloud": "the Google Cloud CLI", "aws": "the AWS CLI", "resize2fs": "e2fsprogs", "dumpe2fs": "e2fsprogs",
    "xfs_growfs": "xfsprogs", "losetup": "mount", "truncate": "coreutils",
  ]

  /// Runs a program to its end; the provider's tools find their credentials in the environment that they share.
  /// - Returns: what it printed.
  /// - Throws: `volume.provider-refused` with the last line of its complaint; `volume.provider-timeout`, and then it was
  ///   killed.
  static func output(_ words: [String], within patience: Duration) async throws -> String {
    try require(words[0])
    let result = try await withThrowingTaskGroup(of: (TerminationStatus, String, String)?.self) { group in
      group.addTask {
        let record = try await Subprocess.run(
          .name(words[0]), arguments: Arguments(Array(words.dropFirst())), input: .none,
          output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
        return (record.terminationStatus, record.standardOutput, record.standardError)
      }
      group.addTask {
        try await Task.sleep(for: patience)
        return nil
      }
      defer { group.cancelAll() }
      return try await group.next() ?? nil
    }
    guard let (status, output, errors) = result else { throw timeout("\(words.commandLine) has not ended") }
    guard status.isSuccess else {
      let complaint = errors.split(separator: "\n").last { !$0.allSatisfy(\.isWhitespace) } ?? "\(status)"
      throw GoudError(
        .volumeProviderRefused, "\(words.prefix(3).joined(separator: " ")): \(complaint)",
        hint: "put right what it says, and run this again: what is done is not done twice",
        context: ["command": words.commandLine])
    }
    return output
  }

  static func timeout(_ what: String) -> GoudError {
    GoudError(
      .volumeProviderTimeout, what,
      hint: "run this again: it goes on where it stopped; --wait says how long it may take")
  }
}
