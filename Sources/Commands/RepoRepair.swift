import ArgumentParser
import Foundation
import GoudCore
import Repository
import Volumes

/// `goud repo repair`
struct RepoRepair: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "repair", abstract: "Make the index of a repository agree with the packs that are there.",
    discussion: """
      Reads the packs' own headers where no index tells of them rightly. What is missing or damaged stays lost until the \
      next backup: as far as the volumes still hold it, that stores it anew.
      """)

  @OptionGroup var place: RepositoryPlace
  @Flag(help: "Believe no index: read the header of every pack.") var readAll = false
  @Flag(help: "First read every byte, and set aside the packs that are damaged: into goud/damaged.")
  var readData = false
  @OptionGroup var scope: EnvironmentOptions
  @OptionGroup var output: OutputOptions

  private struct Repaired: Encodable {
    let packs: Int
    let packsRead: Int
    let setAside: [ObjectID]
    let missing: [ObjectID]
    let unreadable: [ObjectID]
    let replaced: Int
  }

  func run() throws {
    let repository = try place.open(try GoudConfiguration.load(flags: scope.flags))
    let aside = try readData ? repository.setAsideDamaged() : []
    let report = try repository.repairIndex(readAll: readAll)
    switch output.format {
    case .json:
      Output.write(
        try Output.json(
          Repaired(
            packs: report.packs, packsRead: report.packsRead, setAside: aside, missing: report.missing,
            unreadable: report.unreadable,
            replaced: report.replaced.count)))
    case .table:
      var lines = [
        report.replaced.isEmpty && report.missing.isEmpty
          ? "the index is right: \(report.packs) packs"
          : "the index is made anew: \(report.packs) packs, \(report.packsRead) of them by their own headers"
      ]
      lines += aside.map { "  SET ASIDE: pack \($0)" }
      lines += report.missing.map { "  MISSING: pack \($0)" } + report.unreadable.map { "  UNREADABLE: pack \($0)" }
      Output.write(lines.joined(separator: "\n"))
    }
    guard report.missing.isEmpty && report.unreadable.isEmpty else {
      throw GoudError(
        .someFailed, "\(report.missing.count) packs are missing and \(report.unreadable.count) cannot be read",
        hint: "make a backup: what the volumes still hold is stored anew; goud repo check says what is lost")
    }
  }
}
