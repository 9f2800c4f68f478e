import ArgumentParser
import Foundation
import GoudCore
import Synchronization

/// Clients of a network: they submit entries as fast as they are acknowledged, write down every acknowledgement before
/// they go on, and can later ask for every one of them again.
@main
struct Load: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "goud-load", subcommands: [Run.self, Check.self, Compare.self])
}

struct Targets: ParsableArguments {
  @Option(help: "A node, as http://HOST:PORT; once for each.") var url: [String]
}

extension Load {
  struct Run: AsyncParsableCommand {
    @OptionGroup var targets: Targets
    @Option var clients = 64
    @Option(help: "How long; SIGTERM ends it earlier.") var seconds = 10
    @Option(help: "Bytes of an entry's data.") var bytes = 1024
    @Option(help: "Every acknowledgement is appended there.") var record: String?

    func run() async throws {
      let record = try self.record.map { try Record(appendingTo: $0) }
      let tally = Tally()
      let end = ContinuousClock.now + .seconds(seconds)
      let begin = ContinuousClock.now
      let stop = Stop()
      await withDiscardingTaskGroup { group in
        for number in 0..<clients {
          group.addTask { [targets, bytes] in
            await Client(urls: targets.url, number: number, bytes: bytes, tally: tally, record: record)
              .submit { ContinuousClock.now >= end || stop.isRaised }
          }
        }
      }
      print(tally.report(seconds: (ContinuousClock.now - begin) / .seconds(1)))
    }
  }

  /// Asks every node for every entry of a record. Exit 1 when one is missing or altered.
  struct Check: AsyncParsableCommand {
    @OptionGroup var targets: Targets
    @Option var record: String

    func run() async throws {
      let acknowledged = try Record.read(record)
      var missing = 0
      for url in targets.url { missing += await Checker(url: url).missing(acknowledged) }
      print(#"{"acknowledged": \#(acknowledged.count), "nodes": \#(targets.url.count), "missing": \#(missing)}"#)
      if missing > 0 { throw ExitCode(1) }
    }
  }

  /// Compares the nodes' acknowledged blocks, one by one, up to the shortest chain. Exit 1 when two differ.
  struct Compare: AsyncParsableCommand {
    @OptionGroup var targets: Targets

    func run() async throws {
      let (blocks, differing) = try await ChainComparison(urls: targets.url).run()
      print(#"{"blocks": \#(blocks), "differing": \#(differing)}"#)
      if differing > 0 { throw ExitCode(1) }
    }
  }
}

/// SIGTERM and SIGINT end the load; what was acknowledged is written down already.
struct Stop: Sendable {
  private static let raised = Atomic<Bool>(false)

  init() { for number in [SIGTERM, SIGINT] { signal(number) { _ in Stop.raised.store(true, ordering: .relaxed) } } }

  var isRaised: Bool { Self.raised.load(ordering: .relaxed) }
}
