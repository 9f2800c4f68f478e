import ArgumentParser
import BlobStore
import Foundation
import GoudCore
import Repository
import Volumes

/// `goud repo init`
struct RepoInit: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init", abstract: "Make a repository.",
    discussion: """
      Whoever loses the password loses every backup in it; whoever has it, and can read the store, reads them all. Keep a \
      copy of it away from the machines that are backed up.
      """)

  @OptionGroup var place: RepositoryPlace
  @OptionGroup var scope: EnvironmentOptions
  @OptionGroup var output: OutputOptions

  private struct Made: Encodable {
    let repository: String
    let id: String
  }

  func run() throws {
    let configuration = try GoudConfiguration.load(flags: scope.flags)
    let store = try place.store(configuration)
    let repository = try Repository.create(store, password: try place.passwords.password())
    switch output.format {
    case .json: Output.write(try Output.json(Made(repository: store.location, id: repository.config.id.hex)))
    case .table: Output.write(Output.printable("\(store.location): repository \(repository.config.id.short)"))
    }
  }
}
