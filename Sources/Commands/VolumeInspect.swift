import Archive
import ArgumentParser
import Backup
import Foundation
import GoudCore
import RocksDB
import Volumes

struct VolumeInspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Show everything about one volume.",
    discussion: "A database that is being written is seen at one moment, without disturbing its process. Exit status "
      + "12 when a database is damaged; what could be seen is shown all the same.")

  @Argument(help: "A name (node1), a path (with a '/'), or NAME=PATH.") var volume: String
  @OptionGroup var scope: EnvironmentOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    let configuration = try GoudConfiguration.load(flags: scope.flags)
    try configuration.enterVolumes()
    var inspector = VolumeInspector(configuration)
    inspector.noted = NotedBackups.newest(home: configuration.environmentHome)
    inspector.cancellation = Signals.cancellation
    let (seen, fault) = try inspector.inspect(try VolumeCatalog.current(configuration).resolve(volume))
    switch output.format {
    case .json: Output.write(try Output.json(seen))
    case .table: Output.write(InspectionText(seen).text)
    }
    if let fault { throw fault }
  }
}

/// An inspection for people.
struct InspectionText {
  let text: String

  init(_ seen: VolumeInspection) {
    let parts = [Self.facts(seen), Self.files(seen)] + seen.databases.map(Self.database)
    text = parts.joined(separator: "\n\n")
  }

  private static func facts(_ seen: VolumeInspection) -> String {
    let room = seen.fileSystem
    let used = String(format: "%.1f %%", seen.usedPercent)
    let backup = seen.lastBackup.map { last in
      "\(last.timestamp.ISO8601Format()) \(last.archive)\(last.unproven.isEmpty ? "" : " (unproven)")"
    }
    return rows(
      [
        ("VOLUME", seen.name), ("path", seen.path), ("state", seen.state.rawValue),
        ("owner", "user \(seen.owner), group \(seen.group), mode \(seen.mode)"),
        ("size", "\(seen.bytes), \(seen.allocatedBytes) on the device"),
        ("file system", "\(used) used, \(room.available) of \(room.total) free"),
        ("driver", "\(seen.backing)"),
        ("used by goud", seen.usedBy.map { "\($0)" } ?? "nobody"), ("last backup", backup ?? "none"),
        ("standing", seen.standing),
      ] + seen.leftovers.map { ("left over", "\($0.kind.rawValue) \($0.path) (\($0.bytes))") })
  }

  private static func files(_ seen: VolumeInspection) -> String {
    Output.table(
      ["FILES", "COUNT", "SIZE"],
      seen.files.filter { $0.files > 0 }.map { [$0.kind.rawValue, "\($0.files)", "\($0.bytes)"] })
  }

  private static func database(_ seen: DatabaseInspection) -> String {
    let written = seen.writtenBy.map { "RocksDB \($0)" } ?? "unknown"
    let facts = rows([
      ("DATABASE", seen.path), ("fault", seen.fault?.message), ("open by", seen.openBy.map { "\($0)" } ?? "nobody"),
      ("written by", "\(written), read here by RocksDB \(seen.readBy)"), ("identity", seen.identity),
      ("sequence", seen.sequence.map { "\($0)" }), ("tables", seen.tables.map { "\($0)" }),
      ("keys", seen.estimatedKeys.map { "about \($0) in tables, by RocksDB's estimate" }),
      ("chain", seen.chain?.id),
      ("network", seen.chain.map { "\($0.network): \($0.validators.joined(separator: ", "))" }),
      ("head", seen.chain.map { "block \($0.height), \($0.head)" }),
      ("acknowledged", seen.chain.map { "to block \($0.acknowledged), schema version \($0.schemaVersion)" }),
      ("log records", seen.logRecords.map { "\($0) write batches not in tables yet" }), ("options", seen.optionsFile),
    ])
    let options = seen.options.map { [$0.family ?? "", $0.name, $0.value] }
    let tables = [
      Output.table(["FAMILY", "LEVEL", "FILES", "SIZE"], levels(seen)),
      Output.table(["FAMILY", "OPTION", "VALUE"], options),
    ]
    return ([facts] + zip([seen.families != nil, !options.isEmpty], tables).filter(\.0).map(\.1))
      .joined(separator: "\n\n")
  }

  /// Levels and blob files that hold something; a family that holds nothing has one line.
  private static func levels(_ seen: DatabaseInspection) -> [[String]] {
    (seen.families ?? []).flatMap { family -> [[String]] in
      var rows = family.levels.filter { $0.files > 0 }
        .map { [family.name, "\($0.level)", "\($0.files)", "\(ByteCount($0.bytes))"] }
      if family.blobFiles > 0 {
        rows.append([family.name, "blobs", "\(family.blobFiles)", "\(ByteCount(family.blobBytes))"])
      }
      return rows.isEmpty ? [[family.name, "-", "0", "0 B"]] : rows
    }
  }

  private static func rows(_ pairs: [(String, String?)]) -> String {
    let known = pairs.compactMap { name, value in value.map { [name, $0] } }
    return Output.table(known[0], Array(known.dropFirst()))
  }
}
