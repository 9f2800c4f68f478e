import ArgumentParser
import GoudCore
import Volumes

struct ConfigGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config", abstract: "See what Goud is told.", subcommands: [ConfigShow.self])
}

struct ConfigShow: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show every setting and where it comes from.",
    discussion: "Keys, ranges and precedence: docs/configuration.md.")

  @OptionGroup var scope: EnvironmentOptions
  @Flag(help: "Also show where each value comes from.") var origin = false
  @OptionGroup var output: OutputOptions

  private struct Report: Encodable {
    struct Value: Encodable {
      let key: String
      let value: String
      let origin: String?
    }

    /// `config/`; absent when there is none.
    let directory: String?
    let values: [Value]
    let unknownKeys: [String]
  }

  func run() throws {
    let configuration = try GoudConfiguration.load(flags: scope.flags)
    let report = Report(
      directory: configuration.directory?.path,
      values: configuration.values.map {
        .init(key: $0.key.rawValue, value: $0.text, origin: origin ? $0.origin.description : nil)
      }, unknownKeys: configuration.unknownKeys)
    switch output.format {
    case .json: Output.write(try Output.json(report))
    case .table:
      let headings = ["KEY", "VALUE"] + (origin ? ["ORIGIN"] : [])
      Output.write(Output.table(headings, report.values.map { [$0.key, $0.value] + [$0.origin].compactMap { $0 } }))
      Output.note(report.directory.map { "config directory: \($0)" } ?? "no config directory: defaults hold")
      for key in report.unknownKeys { Output.note("note: \(key) is not a key of goud") }
    }
  }
}
