import Foundation
import GoudCore
import Layout
import Logging
import Runtime

#if canImport(Glibc)
  import Glibc
#endif

/// Keeps the logs from filling the disk: what grows beyond a size is moved aside, and its writer, told by SIGHUP, goes
/// on in a new file. Nothing is lost on the way.
struct LogRotation: Sendable {
  static let interval = Duration.seconds(10)
  static let largest: Int64 = 16 << 20
  /// Older ones that are kept: `.1` is the newest.
  static let kept = 5

  let home: NetworkHome
  let log: Logger
  var largest = Self.largest

  /// - Parameter process: who writes it.
  func rotate(_ name: String, writer process: ProcessID) {
    let path = home.log(name)
    do {
      guard let status = try FileSystem.status(path), status.st_size > largest else { return }
      for number in (1...Self.kept).reversed() {
        let from = number == 1 ? path : "\(path).\(number - 1)"
        guard try FileSystem.status(from) != nil else { continue }
        guard rename(from, "\(path).\(number)") == 0 else { throw GoudError.system("rename", from) }
      }
      if status.st_uid != geteuid() { try replace(path, status) }
      process.signal(SIGHUP)
    } catch {
      log.error("could not rotate \(path)", metadata: ["why": "\(error)"])
    }
  }

  /// A writer that is somebody else may not make the new file.
  private func replace(_ path: String, _ old: stat) throws {
    let file = try Descriptor.open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW)
    guard fchown(file.fd, old.st_uid, old.st_gid) == 0 else { throw GoudError.system("change the owner of", path) }
  }
}
