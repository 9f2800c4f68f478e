import ArgumentParser
import Foundation
import GoudCore
import RocksDB
import WriterOracle

#if canImport(Glibc)
  import Glibc
#endif

/// Writes a RocksDB without pause, as a node would, and keeps an oracle of what it promised. Knows nothing of Goud's
/// snapshots. Runs until it is killed, or to `--operations`, or until
/// the process that started it is gone.
struct Write: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a RocksDB without pause and keep an oracle of every write.")

  @Argument(help: "The database directory; created when missing.") var directory: String
  @Option(help: "The file that tells what was promised.") var oracle: String
  @Option var seed: UInt64 = 1
  @Option(help: "Column families, default included.") var families = 1
  @Option(help: "Keys per column family.") var slots: UInt64 = 2000
  @Option var valueBytes = 256
  @Option(help: "Memory table size in bytes.") var writeBuffer: Int?
  @Option(help: "Table file size in bytes.") var tableBytes: UInt64?
  @Option(help: "none, snappy, zlib, bzip2, lz4, lz4hc or zstd.") var compression: String?
  @Option(help: "Logs to recycle.") var recycle: Int?
  @Option(help: "Directory of the write-ahead logs.") var logDirectory: String?
  @Option(help: "A further table directory; repeat.") var tableDirectory: [String] = []
  @Option(help: "MANIFEST size in bytes after which a new one is begun.") var manifestBytes: Int?
  @Flag(help: "Keep values in blob files.") var blobs = false
  @Option(help: "Sync every so many operations; 0: never.") var syncEvery: UInt64 = 16
  @Option(help: "Flush every so many operations; 0: as RocksDB decides.") var flushEvery: UInt64 = 0
  @Option(help: "Operations per second; 0: as fast as it can.") var rate = 0
  @Option(help: "Stop after so many operations; 0: never.") var operations: UInt64 = 0
  @Option(help: "File for one line an operation: start in microseconds since 1970, duration in microseconds.")
  var latencies: String?
  @Flag(help: "Write the operations, then wait to be killed, holding the database open.") var hold = false

  func run() throws {
    let parent = getppid()
    let oracle = try Oracle(path: oracle)
    let model = WriterModel(seed: seed, slots: slots, valueBytes: valueBytes, families: families)
    let database = try Database(directory: directory, families: model.families, options: try options())
    let last = try model.last(in: database)
    guard last >= oracle.acknowledged else {
      throw ValidationError("the database ends at operation \(last); \(oracle.acknowledged) was acknowledged")
    }
    let log = try latencies.map { try LatencyLog(path: $0) }
    var number = last
    let begin = now()
    while (operations == 0 || number < operations) && getppid() == parent {
      number += 1
      if rate > 0 { pause(until: begin + Int64(number - last) * 1_000_000 / Int64(rate)) }
      let batch = WriteBatch()
      model.apply(number, to: batch, of: database)
      let sync = syncEvery > 0 && number % syncEvery == 0
      oracle.started = number
      let start = now()
      try database.write(batch, sync: sync)
      log?.add(start, now() - start)
      oracle.acknowledged = number
      if sync { oracle.synced = number }
      if flushEvery > 0 && number % flushEvery == 0 {
        for family in model.families { try database.flush(family: family) }
      }
    }
    log?.flush()
    while hold && getppid() == parent { usleep(20_000) }
  }

  private func options() throws -> DatabaseOptions {
    var options = DatabaseOptions()
    options.writeBufferBytes = writeBuffer
    options.targetFileBytes = tableBytes
    options.recycledLogs = recycle
    options.logDirectory = logDirectory
    options.maxManifestBytes = manifestBytes
    options.blobFiles = blobs
    if blobs { options.blobFileBytes = tableBytes }
    options.level0CompactionTrigger = 2
    options.tableDirectories = ([directory] + tableDirectory).map { ($0, tableBytes ?? 64 << 20) }
    if tableDirectory.isEmpty { options.tableDirectories = [] }
    if let compression {
      let names: [String: DatabaseOptions.Compression] = [
        "none": .none, "snappy": .snappy, "zlib": .zlib, "bzip2": .bzip2, "lz4": .lz4, "lz4hc": .lz4hc, "zstd": .zstd,
      ]
      guard let chosen = names[compression] else { throw ValidationError("unknown compression \(compression)") }
      options.compression = chosen
    }
    return options
  }

  private func now() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
  }

  private func pause(until moment: Int64) {
    let left = moment - now()
    if left > 0 { usleep(UInt32(left)) }
  }
}

/// Prints what the writer has promised so far: operations started, acknowledged, acknowledged and synced.
struct ShowOracle: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "oracle", abstract: "Print what was promised.")

  @Argument var file: String

  func run() throws {
    let oracle = try Oracle(path: file)
    print("\(oracle.started) \(oracle.acknowledged) \(oracle.synced)")
  }
}

/// Compares the whole content of a database with the model, and prints the operation it ends at.
struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Compare a whole database with what was written.")

  @Argument var directory: String
  @Option var seed: UInt64 = 1
  @Option var families = 1
  @Option var slots: UInt64 = 2000
  @Option var valueBytes = 256

  func run() throws {
    let model = WriterModel(seed: seed, slots: slots, valueBytes: valueBytes, families: families)
    print(try model.check(directory: directory))
  }
}

@main
struct Writer: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "goud-writer", abstract: "A foreign writer with an oracle, for tests, benchmarks and the demo.",
    subcommands: [Write.self, ShowOracle.self, Check.self], defaultSubcommand: Write.self)
}

/// One line an operation, flushed about ten times a second's worth of lines.
final class LatencyLog {
  private let file: Descriptor
  private var buffer: [UInt8] = []
  private var lines = 0

  init(path: String) throws { file = try Descriptor.open(path, O_WRONLY | O_CREAT | O_APPEND) }

  func add(_ start: Int64, _ duration: Int64) {
    buffer += Array("\(start) \(duration)\n".utf8)
    lines += 1
    if lines % 256 == 0 { flush() }
  }

  func flush() {
    try? file.write(buffer)
    buffer.removeAll(keepingCapacity: true)
  }
}
