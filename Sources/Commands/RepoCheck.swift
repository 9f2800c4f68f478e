import ArgumentParser
import Backup
import BlobStore
import Foundation
import GoudCore
import Repository
import Volumes

/// `goud repo check`
struct RepoCheck: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Look at everything in a repository, and change nothing.",
    discussion: """
      Each index can be read, each pack is there and as long as it should be, and whatever the backups name is known. With \
      --read-data every byte is read and proven. Needs nobody else to be at work there; --no-lock looks all the same.
      """)

  @OptionGroup var place: RepositoryPlace
  @Flag(help: "Also read every byte.") var readData = false
  @Option(help: ArgumentHelp("Also read a part: over m checks, everything.", valueName: "n/m"))
  var readDataSubset: String?
  @Flag(help: "Do not keep others out meanwhile; a backup that is made may look like a fault.") var noLock = false
  @OptionGroup var scope: EnvironmentOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if readData && readDataSubset != nil {
      throw ValidationError("--read-data and --read-data-subset exclude each other")
    }
    if let readDataSubset, Self.part(readDataSubset) == nil {
      throw ValidationError("--read-data-subset is the n-th of m parts, as in 1/7; 256 parts at most")
    }
  }

  private static func part(_ text: String) -> RepositoryCheckOptions.Part? {
    let numbers = text.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
    guard numbers.count == 2, let number = numbers[0], let count = numbers[1] else { return nil }
    return .init(number, of: count)
  }

  private struct Checked: Encodable {
    struct Problem: Encodable {
      let severity: RepositoryProblem.Severity
      let object: String
      let message: String
    }

    let repository: String
    let packs: Int
    let blobs: Int
    let packsRead: Int
    let bytesRead: Int64
    let sound: Bool
    let problems: [Problem]
    /// What damage takes along: backups, by id, and the files of each.
    let lost: [LostFiles]
  }

  func run() throws {
    let configuration = try GoudConfiguration.load(flags: scope.flags)
    let repository = try place.open(configuration)
    let part = readData ? .all : readDataSubset.flatMap(Self.part)
    func look() throws -> (RepositoryCheckReport, [LostFiles]) {
      let report = try repository.check(.init(readData: part), used: repository.reach())
      return (report, report.isSound ? [] : try LostFiles.find(in: repository, report))
    }
    let (report, lost) = try noLock ? look() : repository.locked(exclusive: true) { _ in try look() }
    let checked = Checked(
      repository: repository.store.location, packs: report.packs, blobs: report.blobs, packsRead: report.packsRead,
      bytesRead: report.bytesRead, sound: report.isSound,
      problems: report.problems.map { .init(severity: $0.severity, object: $0.object, message: $0.message) }, lost: lost
    )
    switch output.format {
    case .json: Output.write(try Output.json(checked))
    case .table: Output.write(describe(checked))
    }
    guard report.isSound else {
      throw GoudError(
        .repositoryDamaged, "the repository at \(repository.store.location) is damaged",
        hint: "goud repo repair --read-data sets it aside; the next backup stores anew what the volumes still hold")
    }
  }

  private func describe(_ checked: Checked) -> String {
    var lines = [
      "\(checked.repository): \(checked.packs) packs, \(checked.blobs) pieces: \(checked.sound ? "sound" : "DAMAGED")"
    ]
    lines.append(
      checked.packsRead > 0
        ? "  \(checked.packsRead) packs read, \(ByteCount(checked.bytesRead)), every byte proven"
        : "  no data was read (--read-data)")
    lines += checked.problems.map { "  \($0.severity == .damage ? "DAMAGE" : "hint"): \($0.object): \($0.message)" }
    for backup in checked.lost {
      let more = backup.files.count > 5 ? " and \(backup.files.count - 5) more" : ""
      let files = backup.files.prefix(5).joined(separator: ", ") + more
      lines.append("  LOST of \(backup.backup), \(backup.volume): \(files)")
    }
    return lines.map(Output.printable).joined(separator: "\n")
  }
}
