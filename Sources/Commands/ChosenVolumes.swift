import Archive
import CGoudLinux
import Foundation
import GoudCore
import Volumes

/// Which volumes a backup is of.
enum ChosenVolumes {
  /// - Parameter volume: as the user names them; empty: all of the environment.
  /// - Returns: the volumes, and those of the environment that cannot be seen now.
  static func find(
    _ volume: [String], _ configuration: GoudConfiguration
  ) throws -> ([Volume], [BackupMetadata.LeftOut]) {
    let catalog = try VolumeCatalog.current(configuration)
    var found = try catalog.resolve(volume)
    let absent = volume.isEmpty ? catalog.absent.sorted { $0.key < $1.key } : []
    if volume.isEmpty {
      // A node that never started has nothing to back up; one that lost its database must not pass unnoticed.
      for empty in try found.filter({ try FileSystem.names(in: $0.path).isEmpty }) {
        Output.note(Output.printable("\(empty.name) is empty and was left out"))
        found.removeAll { $0 == empty }
      }
    }
    guard !found.isEmpty else {
      if let only = absent.first { throw only.value }
      throw GoudError(
        .volumeNotFound,
        "the environment \(configuration.environment) has no volumes in \(configuration.volumesDirectory)",
        hint: "name one with --volume PATH, or another environment with --env")
    }
    return (found, absent.map { .init(volume: $0.key, reason: $0.value.message) })
  }
}

extension GoudConfiguration {
  /// The nodes come first: to be called before the first thread of a pipeline starts, since threads inherit it.
  func giveWay() {
    guard backupNice > 0 else { return }
    goud_yield_to_others(Int32(backupNice))
    Pace.process.giveWay(nice: backupNice)
  }
}
