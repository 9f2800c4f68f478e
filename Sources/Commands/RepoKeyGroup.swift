import ArgumentParser
import BlobStore
import Foundation
import GoudCore
import Repository
import Volumes

/// `goud repo key …`
struct RepoKeyGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "key", abstract: "The passwords that open a repository.",
    subcommands: [RepoKeyAdd.self, RepoKeyList.self, RepoKeyRemove.self, RepoKeyPasswd.self])
}

/// Where a new password comes from.
struct NewPasswordOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The new password is in this file.", valueName: "file"))
  var newPasswordFile: String

  func password() throws -> String { try PasswordSource.file(newPasswordFile).password() }
}

struct RepoKeyAdd: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "add", abstract: "Let a further password open the repository.")

  @OptionGroup var place: RepositoryPlace
  @OptionGroup var new: NewPasswordOptions
  @OptionGroup var scope: EnvironmentOptions

  func run() throws {
    let repository = try place.open(try GoudConfiguration.load(flags: scope.flags))
    Output.write("added key \(try repository.addKey(password: try new.password()).short)")
  }
}

struct RepoKeyList: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the keys of the repository, one for each password.")

  @OptionGroup var place: RepositoryPlace
  @OptionGroup var scope: EnvironmentOptions
  @OptionGroup var output: OutputOptions

  private struct Key: Encodable {
    let id: ObjectID
    let created: String
    let username: String
    let hostname: String
    let inUse: Bool
  }

  func run() throws {
    let repository = try place.open(try GoudConfiguration.load(flags: scope.flags))
    let keys = try repository.keys().map {
      Key(id: $0.id, created: $0.created, username: $0.username, hostname: $0.hostname, inUse: $0.isInUse)
    }
    switch output.format {
    case .json: Output.write(try Output.json(keys))
    case .table:
      Output.write(
        Output.table(
          ["", "id", "created", "user", "host"],
          keys.map { [$0.inUse ? "*" : "", $0.id.short, $0.created, $0.username, $0.hostname] }))
    }
  }
}

struct RepoKeyRemove: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove", abstract: "Take a password away from the repository.",
    discussion: """
      Whoever opened the repository with it keeps what opens all of it. Never the last key, and never the one in use.
      """)

  @Argument(help: "The key, by the first digits of its id.") var id: String
  @OptionGroup var place: RepositoryPlace
  @OptionGroup var scope: EnvironmentOptions

  func run() throws {
    let repository = try place.open(try GoudConfiguration.load(flags: scope.flags))
    let found = try repository.keys().filter { $0.id.hex.hasPrefix(id) }
    guard found.count == 1, let key = found.first else {
      throw GoudError(
        .repositoryNotFound, "\(found.count) keys of \(repository.store.location) begin with '\(id)'",
        hint: "goud repo key list shows them")
    }
    try repository.removeKey(key.id)
    Output.write("removed key \(key.id.short)")
  }
}

struct RepoKeyPasswd: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "passwd", abstract: "Replace the password that opens the repository now.")

  @OptionGroup var place: RepositoryPlace
  @OptionGroup var new: NewPasswordOptions
  @OptionGroup var scope: EnvironmentOptions

  func run() throws {
    let repository = try place.open(try GoudConfiguration.load(flags: scope.flags))
    Output.write("the password is changed; key \(try repository.changePassword(to: try new.password()).short)")
  }
}
