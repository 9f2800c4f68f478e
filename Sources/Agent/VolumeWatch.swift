import Foundation
import GoudCore
import Logging
import Subprocess

#if canImport(Glibc)
  import Glibc
#endif
#if canImport(System)
  import System
#else
  import SystemPackage
#endif

/// Keeps `goud backup watch` running beside the manager. It is a program of its own: what it needs of the processors, of
/// memory and of a store is nothing that the nodes' keeper should wait for.
public struct VolumeWatch: Sendable {
  let program: String
  let arguments: [String]
  /// Where its output goes.
  let output: String

  public init(program: String, arguments: [String], output: String) {
    (self.program, self.arguments, self.output) = (program, arguments, output)
  }

  /// The longest pause before it is started again, in seconds. It is started at once when it had run for longer than that.
  private static let longestPause = 60.0

  /// Until the task is cancelled; then it is asked to end, and waited for.
  func run(_ log: Logger) async throws {
    var pause = 1.0
    while true {
      let begun = ContinuousClock.now
      do {
        let status = try await once()
        log.warning("goud backup watch ended: \(status); its words are in \(output)")
      } catch let error as SubprocessError {
        log.error("goud backup watch cannot be started: \(error)")
      } catch let error as GoudError {
        log.error("goud backup watch cannot be started: \(error.message)")
      }
      try Task.checkCancellation()
      if (ContinuousClock.now - begun) / .seconds(1) > Self.longestPause { pause = 1 }
      try await Task.sleep(for: .seconds(pause))
      pause = min(pause * 2, Self.longestPause)
    }
  }

  private func once() async throws -> TerminationStatus {
    let file = try Descriptor.open(output, O_WRONLY | O_CREAT | O_APPEND)
    let end = FileDescriptor(rawValue: file.fd)
    var options = PlatformOptions()
    // What it has seen it stores before it ends, if the store answers.
    options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .seconds(60))]
    defer { withExtendedLifetime(file) {} }
    return try await Subprocess.run(
      .path(FilePath(program)), arguments: Arguments(arguments), platformOptions: options, input: .none,
      output: .fileDescriptor(end, closeAfterSpawningProcess: false),
      error: .fileDescriptor(end, closeAfterSpawningProcess: false)
    ).terminationStatus
  }
}
