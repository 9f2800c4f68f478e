import ArgumentParser
import BlobStore
import Foundation
import GoudCore
import Repository
import Volumes

/// `goud repo stats`
struct RepoStats: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stats", abstract: "Count what a repository holds.")

  @OptionGroup var place: RepositoryPlace
  @OptionGroup var scope: EnvironmentOptions
  @OptionGroup var output: OutputOptions

  private struct Counted: Encodable {
    let repository: String
    let snapshots: Int
    let packs: Int
    let indexes: Int
    let dataBlobs: Int
    let treeBlobs: Int
    let plainBytes: Int64
    let storedBytes: Int64
  }

  func run() throws {
    let repository = try place.open(try GoudConfiguration.load(flags: scope.flags))
    let found = try repository.statistics()
    switch output.format {
    case .json:
      Output.write(
        try Output.json(
          Counted(
            repository: repository.store.location, snapshots: found.snapshots, packs: found.packs,
            indexes: found.indexes, dataBlobs: found.dataBlobs, treeBlobs: found.treeBlobs,
            plainBytes: found.plainBytes, storedBytes: found.storedBytes)))
    case .table:
      Output.write(
        Output.table(
          ["field", "value"],
          [
            ["repository", repository.store.location], ["snapshots", "\(found.snapshots)"],
            ["packs", "\(found.packs), \(ByteCount(found.storedBytes))"], ["indexes", "\(found.indexes)"],
            ["pieces of files", "\(found.dataBlobs)"], ["directories", "\(found.treeBlobs)"],
            ["as they lay on the volumes", "\(ByteCount(found.plainBytes))"],
          ]))
    }
  }
}
