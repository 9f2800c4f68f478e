import ArgumentParser
import Backup
import Foundation
import GoudCore
import Volumes

struct VolumeCheckVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Check the health of volumes.",
    discussion: "Exit status: 0 healthy, 20 a warning, 21 something critical. Thresholds: VOLUME_WARNING_PERCENT, "
      + "VOLUME_CRITICAL_PERCENT (docs/configuration.md).")

  @Argument(help: "Volumes: a name, a path (with a '/'), or NAME=PATH; default: all by name.")
  var volumes: [String] = []
  @OptionGroup var scope: EnvironmentOptions
  @OptionGroup var output: OutputOptions

  private struct Report: Encodable {
    let level: Finding.Level
    let findings: [Finding]
  }

  func run() throws {
    let configuration = try GoudConfiguration.load(flags: scope.flags)
    try configuration.enterVolumes()
    let catalog = try VolumeCatalog.current(configuration)
    let chosen = try catalog.resolve(volumes)
    var inspector = VolumeInspector(configuration)
    inspector.noted = NotedBackups.newest(home: configuration.environmentHome)
    inspector.cancellation = Signals.cancellation
    var findings = try VolumeCheck.run(chosen, inspector)
    if volumes.isEmpty {
      findings += catalog.absent.sorted { $0.key < $1.key }.map {
        Finding($0.key, .access, .critical, $0.value.message, hint: $0.value.hint)
      }
    }
    if volumes.isEmpty, let record = BackupRecord.read(home: configuration.environmentHome) {
      findings.append(record.finding)
    }
    if volumes.isEmpty {
      findings += [try WatchStatus.read(home: configuration.environmentHome)?.finding(now: Date())].compactMap { $0 }
    }
    let report = Report(level: findings.map(\.level).max() ?? .ok, findings: findings)
    switch output.format {
    case .json: Output.write(try Output.json(report))
    case .table:
      if findings.isEmpty { Output.note("no volumes in \(catalog.directory) yet; nothing to check") }
      if !findings.isEmpty { Output.write(table(findings)) }
    }
    if report.level != .ok { throw report.level.exitStatus }
  }

  /// All findings, then what to do about those that are not ok.
  private func table(_ findings: [Finding]) -> String {
    let rows = findings.map { [$0.volume.isEmpty ? "-" : $0.volume, $0.check.rawValue, $0.level.rawValue, $0.message] }
    let hints = findings.filter { $0.level != .ok }.compactMap { finding in
      finding.hint.map { Output.printable("hint: \(finding.volume) \(finding.check.rawValue): \($0)") }
    }
    return ([Output.table(["VOLUME", "CHECK", "LEVEL", "FOUND"], rows)] + hints).joined(separator: "\n")
  }
}
