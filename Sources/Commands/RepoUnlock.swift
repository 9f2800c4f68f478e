import ArgumentParser
import Foundation
import GoudCore
import Repository
import Volumes

/// `goud repo unlock`
struct RepoUnlock: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "unlock", abstract: "Remove locks that nobody holds any more.",
    discussion: """
      A lock is written anew every five minutes: one that is older than half an hour is nobody's, and so is one of this \
      machine whose process has ended.
      """)

  @OptionGroup var place: RepositoryPlace
  @Flag(help: "Every lock, also those of runs that may be going on.") var all = false
  @OptionGroup var scope: EnvironmentOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    let repository = try place.open(try GoudConfiguration.load(flags: scope.flags))
    let gone = try repository.unlock(all: all)
    switch output.format {
    case .json: Output.write(try Output.json(gone.map(\.id)))
    case .table where gone.isEmpty: Output.note("no lock is nobody's")
    case .table:
      Output.write(
        gone.map { lock in
          Output.printable(
            "removed lock \(lock.id.short)"
              + (lock.file.map { " of process \($0.owner.pid) on \($0.owner.hostname)" } ?? ", which cannot be read"))
        }.joined(separator: "\n"))
    }
  }
}
