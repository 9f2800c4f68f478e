import Foundation
import GoudCore
import Subprocess
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif
#if canImport(System)
  import System
#else
  import SystemPackage
#endif

/// One `age` (https://age-encryption.org/v1) between two pipes. It ends when its input is closed, or its output.
struct AgeProcess {
  let input: Descriptor
  let output: Descriptor
  let outcome: Outcome

  /// - Throws: `archive.age-missing`.
  init(_ arguments: [String]) throws {
    try Self.require()
    let (source, input) = try Descriptor.pipe()
    let (output, sink) = try Descriptor.pipe()
    (self.input, self.output) = (input, output)
    outcome = Outcome()
    let (source2, sink2) = (try Self.copy(source), try Self.copy(sink))
    Task.detached { [outcome] in
      let result = await Result {
        try await Subprocess.run(
          .name("age"), arguments: Arguments(arguments),
          input: .fileDescriptor(source2, closeAfterSpawningProcess: true),
          output: .fileDescriptor(sink2, closeAfterSpawningProcess: true), error: .string(limit: 1 << 16))
      }
      outcome.set(
        result.map { $0.terminationStatus.isSuccess ? nil : $0.standardError.trimmingCharacters(in: .newlines) })
    }
  }

  /// For the one program that is meant: another that is started meanwhile would keep the pipe open with it.
  private static func copy(_ end: Descriptor) throws -> FileDescriptor {
    let fd = fcntl(end.fd, F_DUPFD_CLOEXEC, 0)
    guard fd >= 0 else { throw GoudError.system("duplicate", end.path) }
    return FileDescriptor(rawValue: fd)
  }

  /// Whether it takes a recipient, tried on nothing.
  /// - Throws: `usage.invalid`, `archive.age-missing`.
  static func check(recipient: String) throws {
    let invalid = { (why: String) in
      GoudError(.usage, "'\(recipient)' is no recipient of age: \(why)", hint: "make one with age-keygen: age1…")
    }
    guard recipient.hasPrefix("age1"), recipient.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
      throw invalid("it does not begin with age1")
    }
    try require()
    let result = try Awaiting.result {
      try await Subprocess.run(
        .name("age"), arguments: ["-r", recipient], input: .none, output: .discarded, error: .string(limit: 1 << 16))
    }
    guard result.terminationStatus.isSuccess else {
      throw invalid(result.standardError.split(separator: "\n").first.map(String.init) ?? "age refuses it")
    }
  }

  private static func require() throws {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    guard path.split(separator: ":").contains(where: { access("\($0)/age", X_OK) == 0 }) else {
      throw GoudError(
        .archiveAgeMissing, "age is not installed", hint: "apt-get install age; it seals and opens archives")
    }
  }

  /// How it ended.
  final class Outcome: Sendable {
    private let done = DispatchSemaphore(value: 0)
    private let value = Mutex<Result<String?, any Error>?>(nil)

    fileprivate func set(_ result: Result<String?, any Error>) {
      value.withLock { $0 = result }
      done.signal()
    }

    /// Waits for its end.
    /// - Returns: what it complained of; nil when all is well.
    func complaint() throws -> String? {
      done.wait()
      done.signal()
      return try value.withLock { try $0!.get() }
    }
  }
}

extension Result where Failure == any Error {
  fileprivate init(_ body: () async throws -> Success) async {
    do { self = .success(try await body()) } catch { self = .failure(error) }
  }
}
