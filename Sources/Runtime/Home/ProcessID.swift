import Foundation
import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// One process of this machine, told apart from a later one that got the same number by when it began.
public struct ProcessID: Sendable, Hashable, Codable {
  public let pid: Int32
  /// Clock ticks after the machine's start (`/proc/PID/stat`, field 22).
  public let began: UInt64

  /// nil when there is no such process, or only what is left of one that nobody has waited for.
  public init?(_ pid: Int32) {
    guard pid > 0, let began = Self.began(pid) else { return nil }
    self.pid = pid
    self.began = began
  }

  public static let current = ProcessID(getpid())!

  public var isRunning: Bool { Self.began(pid) == began }

  /// Sends a signal, unless the process has ended.
  public func signal(_ number: Int32) {
    if isRunning { kill(pid, number) }
  }

  /// Returns when the process has ended, whoever its parent is; at once when it has.
  public func ended() async throws {
    while isRunning { try await Task.sleep(for: .milliseconds(50)) }
  }

  private static func began(_ pid: Int32) -> UInt64? {
    guard let bytes = try? Descriptor.open("/proc/\(pid)/stat", O_RDONLY).readAll(limit: 4096) else { return nil }
    // The name in the second field may hold anything; the state, third, follows the last parenthesis.
    let fields = String(decoding: bytes, as: UTF8.self).split(separator: ")").last?.split(separator: " ") ?? []
    guard fields.count > 19, fields[0] != "Z", fields[0] != "X" else { return nil }
    return UInt64(fields[19])
  }
}
