import ArgumentParser
import BlobStore
import CGoudLinux
import Foundation
import GoudCore
import Rclone
import Repository
import Volumes

/// `--password-file` and `--password-command`, of what opens a repository.
struct PasswordOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The password of the repository is in this file.", valueName: "file"))
  var passwordFile: String?
  @Option(help: ArgumentHelp("The password of the repository is what this command prints.", valueName: "command"))
  var passwordCommand: String?

  func validate() throws {
    if passwordFile != nil && passwordCommand != nil {
      throw ValidationError("--password-file and --password-command exclude each other")
    }
  }

  func password() throws -> String {
    try PasswordSource.choose(
      file: passwordFile, command: passwordCommand, ProcessInfo.processInfo.environment
    ).password()
  }

  /// Opens the repository of a run that moves volumes: pieces of 16 MiB by the hundred, each read, sealed and compressed in
  /// memory of its own. With pages of the kernel for each, and a heap for each thread, a restore took a third more time and
  /// a backup 80 MiB more memory.
  func open(_ store: any BlobStore) throws -> Repository {
    goud_share_large_buffers()
    return try Repository.open(store, password: password())
  }
}

/// `--repo`, where a repository is one of several places.
struct RepositoryOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A repository: a directory, s3://…, gs://…, rclone:….", valueName: "repository"))
  var repo: String?
  @OptionGroup var passwords: PasswordOptions

  func validate() throws {
    if repo == nil, passwords.passwordFile != nil || passwords.passwordCommand != nil {
      throw ValidationError("--password-file and --password-command are for --repo")
    }
  }

  /// - Returns: nil without `--repo`.
  func open() throws -> Repository? {
    guard let repo else { return nil }
    return try passwords.open(RepositoryPlace.store(repo))
  }

  /// The same options, for another run of goud, in another directory and with nobody to ask; and the directory that it
  /// writes to.
  /// - Throws: as `open`: what could not be opened now could not be then. `usage.invalid` for a password that is in no file.
  func scheduled() throws -> (arguments: [String], writes: [String]) {
    guard let repo else { return ([], []) }
    let variables = ProcessInfo.processInfo.environment
    guard
      case .file(let path) = try PasswordSource.choose(
        file: passwords.passwordFile, command: passwords.passwordCommand, variables)
    else {
      throw GoudError(
        .usage, "a schedule takes the password from a file alone", hint: "pass --password-file, a file of root's alone")
    }
    let repository = try Repository.open(RepositoryPlace.store(repo), password: PasswordSource.file(path).password())
    let here = FileManager.default.currentDirectoryPath
    let directory = repository.store is DirectoryStore ? repository.store.location.absolute(from: here) : nil
    return (
      ["--repo", directory ?? repo, "--password-file", path.absolute(from: here)], directory.map { [$0] } ?? []
    )
  }

  /// What cannot be said of a backup in a repository.
  func refuse(_ words: [(isGiven: Bool, name: String)]) throws {
    guard repo != nil, let first = words.first(where: \.isGiven) else { return }
    throw ValidationError("\(first.name) is for archives, and --repo for a repository")
  }
}

/// `--repo` of `goud repo`, where it may come from the configuration.
struct RepositoryPlace: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A directory, s3://…, gs://…, rclone:…. Default: REPOSITORY.", valueName: "repository"))
  var repo: String?
  @OptionGroup var passwords: PasswordOptions

  func open(_ configuration: GoudConfiguration) throws -> Repository {
    try passwords.open(store(configuration))
  }

  func store(_ configuration: GoudConfiguration) throws -> any BlobStore {
    guard let place = repo ?? configuration.repository else {
      throw GoudError(.usage, "no repository is named", hint: "pass --repo, or set REPOSITORY")
    }
    return try Self.store(place)
  }

  static func store(_ place: String) throws -> any BlobStore {
    var options = StoreOptions()
    options.cancellation = Signals.cancellation
    return try StoreLocation.open(place, options: options)
  }
}
