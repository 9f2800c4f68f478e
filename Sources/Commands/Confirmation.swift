import Foundation
import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// Asks before something is replaced.
enum Confirmation {
  /// - Parameter yes: `--yes` was passed.
  /// - Throws: `restore.confirmation-needed`.
  static func ask(_ lines: [String], yes: Bool) throws {
    guard !yes else { return }
    Output.note(Output.printable(lines: lines))
    guard isatty(STDIN_FILENO) == 1 else {
      throw GoudError(
        .restoreConfirmation, "nobody is there to confirm this", hint: "pass --yes, or look first with --dry-run")
    }
    Output.say("go on? [y/N] ")
    guard ["y", "yes"].contains(readLine()?.lowercased() ?? "") else {
      throw GoudError(.restoreConfirmation, "not confirmed; nothing was changed")
    }
  }
}
