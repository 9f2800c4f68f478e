import ArgumentParser
import Chain
import Foundation
import GoudCore

/// Opens a ledger as a node does, closes it, then proves it; prints one line of JSON.
struct Measure: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Measure opening and proving a ledger.")

  @Argument(help: "The ledger, a volume's rocksdb/.") var directory: String
  @Option(help: "Threads; default: as many as there are cores.") var width: Int?
  @Flag(help: "Open only.") var openOnly = false

  func run() throws {
    var result = Result()
    let began = ContinuousClock.now
    do {
      let ledger = try Ledger(directory: directory)
      result.openSeconds = (ContinuousClock.now - began).seconds
      result.height = ledger.head.height
      result.openPeakMiB = peakMiB()
    }
    if !openOnly {
      var verifier = LedgerVerifier(directory: directory)
      if let width { verifier.width = width }
      let used = processorSeconds()
      let verified = try verifier.verify()
      result.processorSeconds = processorSeconds() - used
      result.blocks = verified.blocks
      result.entries = verified.entries
      result.mebibytes = Double(verified.bytes.bytes) / 1_048_576
      result.verifySeconds = verified.duration.seconds
      result.blocksPerSecond = Double(verified.blocks) / verified.duration.seconds
      result.peakMiB = peakMiB()
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    print(String(decoding: try encoder.encode(result), as: UTF8.self))
  }

  /// Seconds, MiB; `peak…` is the process's resident memory at its highest so far.
  private struct Result: Encodable {
    var height: UInt64 = 0
    var openSeconds = 0.0
    var openPeakMiB = 0.0
    var blocks: UInt64?
    var entries: UInt64?
    var mebibytes: Double?
    var verifySeconds: Double?
    /// Of all threads: what a busy machine does not falsify.
    var processorSeconds: Double?
    var blocksPerSecond: Double?
    var peakMiB: Double?
  }

  private func processorSeconds() -> Double {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return [usage.ru_utime, usage.ru_stime].reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6 }
  }

  private func peakMiB() -> Double {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? ""
    return (line.split(separator: " ").dropFirst().first.flatMap { Double($0) } ?? 0) / 1024
  }
}

extension Duration {
  fileprivate var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
