import Foundation
import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// SIGINT and SIGTERM ask the run to stop; it then undoes what is half-done and exits 130 or 143. A second signal of
/// the same kind ends the process at once: nothing durable depends on the undoing.
enum Signals {
  /// The token that every workflow of this process watches.
  static let cancellation = Cancellation()

  static func watch() {
    // Made here: a handler that were the first to touch it would make it, and wait for whoever is making it just then.
    _ = cancellation
    signal(SIGPIPE, SIG_IGN)
    for number in [SIGINT, SIGTERM] {
      signal(number) { number in
        Signals.cancellation.cancel(signal: number)
        signal(number, SIG_DFL)
      }
    }
  }
}
