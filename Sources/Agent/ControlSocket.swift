import Foundation
import GoudCore
import Layout
import Runtime

/// `run/manager.sock`, by a name that fits into a socket's address (107 bytes) however long `GOUD_HOME` is.
final class ControlSocket: Sendable {
  /// To bind or connect to, as long as this object lives.
  let path: String
  private let directory: Descriptor?

  /// - Throws: `io.failed` when `run/` is not there.
  init(_ home: NetworkHome) throws {
    let plain = "\(home.run)/manager.sock"
    if plain.utf8.count <= 107 {
      (path, directory) = (plain, nil)
    } else {
      let opened = try Descriptor.open(home.run, O_RDONLY | O_DIRECTORY)
      (path, directory) = ("/proc/self/fd/\(opened.fd)/manager.sock", opened)
    }
  }
}
