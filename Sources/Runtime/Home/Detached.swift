import CGoudLinux
import Foundation
import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// Starts a process that outlives this one: a session of its own, nothing open but `/dev/null` and its log.
public enum Detached {
  /// This very program. A file that was replaced since is found at its old path.
  public static func program() throws -> String {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = buffer.withUnsafeMutableBytes {
      readlink("/proc/self/exe", $0.baseAddress!.assumingMemoryBound(to: CChar.self), 4096)
    }
    guard count > 0 else { throw GoudError.system("read", "/proc/self/exe") }
    let path = String(decoding: buffer[..<count], as: UTF8.self)
    return path.hasSuffix(" (deleted)") ? String(path.dropLast(10)) : path
  }

  /// - Parameters:
  ///   - log: standard output and standard error are appended to it; mode 0600.
  ///   - environment: the process's whole environment.
  /// - Returns: the process, running.
  /// - Throws: `io.failed`, when it cannot be started or ends at once before it is seen.
  public static func start(
    _ program: String, _ arguments: [String], log: String,
    environment: ProcessEnvironment = .plain
  ) throws -> ProcessID {
    var pid: Int32 = 0
    let status = withCStrings([program] + arguments) { arguments in
      withCStrings(environment.variables.map { "\($0)=\($1)" }) {
        goud_start_detached(program, arguments, $0, log, &pid)
      }
    }
    guard status == 0 else { throw GoudError.system("start", program, errno: status) }
    guard let process = ProcessID(pid) else {
      throw GoudError(.ioFailed, "\(program) ended at once", hint: "see \(log)", context: ["path": log])
    }
    return process
  }

  /// Lets go of a process that has ended.
  /// - Returns: how it ended, `exit 13` or `signal 9`; nil when it is not a child of this one.
  public static func reap(_ process: ProcessID) -> String? {
    var status: Int32 = 0
    guard waitpid(process.pid, &status, WNOHANG) == process.pid else { return nil }
    return status & 0x7f == 0 ? "exit \((status >> 8) & 0xff)" : "signal \(status & 0x7f)"
  }

  /// Has this process go on as another program; what it has open is closed. Returns only by throwing.
  /// - Parameter arguments: the first is the name that it goes by.
  /// - Throws: `io.failed` when the program cannot be run.
  public static func become(_ program: String, _ arguments: [String], _ environment: ProcessEnvironment) throws {
    withCStrings(arguments) { arguments in
      withCStrings(environment.variables.map { "\($0)=\($1)" }) { _ = execve(program, arguments, $0) }
    }
    throw GoudError.system("run", program)
  }

  private static func withCStrings<Result>(
    _ texts: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
  ) -> Result {
    let pointers = texts.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    return pointers.withUnsafeBufferPointer { body($0.baseAddress!) }
  }
}
