import CGoudLinux
import Foundation
import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// What a helper is told: who it is, and the variables of the run, credentials for a bucket among them.
///
/// It goes through a pipe with a name, in a directory that only the caller enters, and so is never on a disk: whoever is
/// killed in the middle leaves an empty name, which the next run removes.
struct HelperHandover: Codable {
  let environment: [String: String]
  let user: UInt32
  let group: UInt32
  /// Further groups of the caller.
  let groups: [UInt32]
  let restores: Bool
  /// The network whose volumes it works on, and the nodes whose volumes were made for it: an empty one goes again.
  let home: String
  let network: String
  let made: [String]

  /// How long either end waits for the other.
  static let patience = Duration.seconds(60)

  static func pipe(in directory: String) -> String { "\(directory)/told" }

  /// Makes the pipe, mode 0600.
  static func prepare(in directory: String) throws {
    guard mkfifo(pipe(in: directory), 0o600) == 0 else { throw GoudError.system("create", pipe(in: directory)) }
  }

  /// Tells it to whoever opens the other end.
  /// - Parameter isAwaited: whether somebody still may; asked again and again.
  /// - Returns: whether somebody took it.
  func tell(in directory: String, while isAwaited: () throws -> Bool) throws -> Bool {
    let path = Self.pipe(in: directory)
    let deadline = ContinuousClock.now + Self.patience
    while true {
      do {
        // Opens only while the other end is open.
        let end = try Descriptor.open(path, O_WRONLY | O_NONBLOCK)
        _ = fcntl(end.fd, F_SETFL, 0)
        try end.write(Array(try JSONEncoder().encode(self)))
        return true
      } catch let error as GoudError where error.systemErrno == ENXIO {
        guard ContinuousClock.now < deadline, try isAwaited() else { return false }
        usleep(20_000)
      } catch let error as GoudError where error.systemErrno == EPIPE {
        return false
      }
    }
  }

  /// What the other end tells.
  /// - Throws: `io.failed` when nobody has told anything for `patience`.
  static func hear(in directory: String) throws -> HelperHandover {
    let end = try Descriptor.open(pipe(in: directory), O_RDONLY | O_NONBLOCK)
    let deadline = ContinuousClock.now + patience
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      var waiting = pollfd(fd: end.fd, events: Int16(POLLIN), revents: 0)
      let left = (deadline - ContinuousClock.now).components.seconds
      guard poll(&waiting, 1, Int32(clamping: max(0, left) * 1000)) > 0 || errno == EINTR && left > 0 else {
        throw GoudError(.ioFailed, "whoever started this helper has told it nothing")
      }
      let count = read(end.fd, &buffer, buffer.count)
      if count < 0, errno == EAGAIN || errno == EINTR { continue }
      guard count >= 0 else { throw GoudError.system("read", pipe(in: directory)) }
      guard count > 0 else { break }
      bytes += buffer[..<count]
    }
    return try JSONDecoder().decode(HelperHandover.self, from: Data(bytes))
  }
}
