import Foundation
import GoudCore
public import Subprocess

#if canImport(Glibc)
  import Glibc
#endif
#if canImport(System)
  import System
#else
  import SystemPackage
#endif

/// What a program left behind.
public struct Finished: Sendable {
  /// The exit status, or 128 + the signal that ended it.
  public let status: Int32
  public let output: String
  public let errors: String
}

/// Programs that tests run: those built here, and those of the system.
public enum Programs {
  /// A product of this package, beside the test bundle.
  public static func built(_ name: String) -> String {
    "\(FileSystem.parent(of: FileSystem.realPath("/proc/self/exe") ?? ""))/\(name)"
  }

  /// A name without `/` is looked up in `PATH`.
  private static func executable(_ program: String) -> Executable {
    program.contains("/") ? .path(FilePath(program)) : .name(program)
  }

  /// Runs a program to its end.
  @discardableResult
  public static func run(
    _ program: String, _ arguments: [String] = [], environment: [String: String] = [:], in directory: String? = nil
  ) async throws -> Finished {
    let result = try await Subprocess.run(
      executable(program), arguments: Arguments(arguments),
      environment: .inherit.updating(environment.overrides), workingDirectory: directory.map { FilePath($0) },
      output: .string(limit: 16 << 20), error: .string(limit: 16 << 20))
    return Finished(
      status: result.terminationStatus.number, output: result.standardOutput, errors: result.standardError)
  }

  /// Starts a program, runs `body` beside it, and waits until the program ends by itself; kills it when `body` throws.
  @discardableResult
  public static func run(
    _ program: String, _ arguments: [String], environment: [String: String] = [:], in directory: String? = nil,
    beside body: @Sendable (Running) async throws -> Void
  ) async throws -> Finished {
    let result = try await Subprocess.run(
      executable(program), arguments: Arguments(arguments), environment: .inherit.updating(environment.overrides),
      workingDirectory: directory.map { FilePath($0) }, input: .none, output: .string(limit: 16 << 20),
      error: .string(limit: 16 << 20)
    ) { execution in
      let running = Running(pid: execution.processIdentifier.value)
      do {
        try await body(running)
      } catch {
        running.send(SIGKILL)
        throw error
      }
    }
    return Finished(
      status: result.terminationStatus.number, output: result.standardOutput, errors: result.standardError)
  }

  /// Runs `body` while a program runs, then ends the program with SIGKILL and waits for it.
  public static func running<Result: Sendable>(
    _ program: String, _ arguments: [String] = [], _ body: @Sendable (Running) async throws -> Result
  ) async throws -> Result {
    let result = try await Subprocess.run(
      executable(program), arguments: Arguments(arguments), input: .none, output: .discarded, error: .discarded
    ) { execution in
      let running = Running(pid: execution.processIdentifier.value)
      defer { kill(running.pid, SIGKILL) }
      return try await body(running)
    }
    return result.closureResult
  }
}

/// A program that runs now.
public struct Running: Sendable {
  public let pid: pid_t

  public init(pid: pid_t) { self.pid = pid }

  public func send(_ signal: Int32) { kill(pid, signal) }
}

extension TerminationStatus {
  fileprivate var number: Int32 {
    switch self {
    case .exited(let code): Int32(code)
    case .signaled(let signal): 128 + Int32(signal)
    }
  }
}

extension [String: String] {
  fileprivate var overrides: [Environment.Key: String?] {
    [Environment.Key: String?](
      uniqueKeysWithValues: map { (Environment.Key(stringLiteral: $0.key), Optional($0.value)) })
  }
}
