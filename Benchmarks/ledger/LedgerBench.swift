import ArgumentParser

/// Makes ledgers and measures what the issue of speed is about: proving one, opening one.
@main struct LedgerBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "goud-ledger-bench", abstract: "Make ledgers of any size, and measure opening and proving them.",
    subcommands: [Make.self, Measure.self])
}
