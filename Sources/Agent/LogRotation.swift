import Foundation
import GoudCore
import Layout
import Logging
import Runtime

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
      process.signal(SIGHUP)
    } catch {
      log.error("could not rotate \(path)", metadata: ["why": "\(error)"])
    }
  }
}
