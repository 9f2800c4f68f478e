import Foundation
import GoudCore

/// Which configuration a run obeys without having been told to.
///
/// Root obeys what nobody can change who could not change the program just as well: itself, root, and whoever owns or
/// may write a directory on the way to the executable. So a checkout's own `config/` counts when its own `goud` runs,
/// under `sudo` too, and a `config/` that somebody has left in a directory where root happens to work does not. Who
/// called `sudo` is not asked: it may be allowed to that user for a single command.
struct ConfigurationTrust {
  private let isRoot: Bool
  private let program: [Custody.Custodian]

  init(_ context: ConfigurationContext) {
    isRoot = context.isRoot
    program = context.isRoot ? (try? context.executable.map { try Custody(of: $0) })??.custodians ?? [] : []
  }

  /// Why a directory that nobody has named is not obeyed; nil: it is.
  func objection(to directory: ConfigurationDirectory) -> String? {
    if let doubt = doubt(of: directory) { return "\(doubt), and root does not obey it" }
    let files = (try? directory.files()) ?? []
    return ConfigurationFile.areForeign(files)
      ? "\(directory.path) holds no key of goud: it is taken for another program's, and passed over" : nil
  }

  /// Who else could change what is in it, for root; nil: nobody.
  func doubt(of directory: ConfigurationDirectory) -> String? {
    guard isRoot else { return nil }
    do {
      return try directory.stranger(trusting: program).map {
        "\(directory.path) can be changed by \($0.who) (at \($0.place))"
      }
    } catch {
      return "who can change \(directory.path) cannot be told (\(error))"
    }
  }
}
