import GoudCore
import Volumes

/// The program that systemd or cron is to run with nobody watching, and what it obeys.
struct ScheduledProgram {
  private let program: String
  private let directory: ConfigurationDirectory?

  init(_ program: String, _ directory: ConfigurationDirectory?) {
    self.program = program
    self.directory = directory
  }

  /// What root runs and obeys with nobody watching must be what is there now.
  /// - Parameter warning: say it, and go on.
  /// - Throws: `schedule.replaceable`.
  func refuseReplaceable(warning: Bool) throws {
    let found = [
      (
        program, try Custody(of: program).stranger(),
        "install -D -m 755 \(program) /usr/local/bin/goud, and call that one"
      ),
      (
        directory?.path ?? "", try directory?.stranger(),
        "copy it to where only root can write, and name that: GOUD_CONFIG_DIR"
      ),
    ]
    for (path, stranger, hint) in found {
      guard let stranger else { continue }
      let message =
        "\(path) can be changed by \(stranger.who) (at \(stranger.place)), and root would go by it every time"
      guard warning else {
        throw GoudError(.scheduleReplaceable, message, hint: hint, context: ["path": stranger.place])
      }
      Output.note("warning: \(message)")
    }
  }
}
