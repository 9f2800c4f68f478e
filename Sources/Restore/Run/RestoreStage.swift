import Foundation
import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// The staging directories of one restore, from the first to the swap.
final class RestoreStage {
  let swap: Swap
  private let plan: RestorePlan
  private var marker: RestoreMarker

  init(_ plan: RestorePlan, sha256: String?, renames: Renames) throws {
    let now = Date(timeIntervalSince1970: Date().timeIntervalSince1970.rounded(.down))
    let places = plan.steps.map(\.place)
    let stamp = try SafetyCopy.newStamp(for: places, now: now)
    self.plan = plan
    marker = RestoreMarker(
      id: RestoreMarker.newIdentifier(), backup: plan.backup, sha256: sha256, started: now, volume: "",
      volumes: places.map(\.path), state: .building, safetyCopy: stamp)
    swap = Swap(id: marker.id, places: places, safetyCopy: stamp, renames: renames)
  }

  /// Volume name → its staging directory.
  var directories: [String: String] {
    Dictionary(uniqueKeysWithValues: plan.steps.map { ($0.volume, path(of: $0)) })
  }

  func path(of step: RestorePlan.Step) -> String { step.place.staging(marker.id) }

  /// Creates the directories, each with its marker, mode 0700 until the build says otherwise.
  func begin() throws {
    for step in plan.steps {
      let path = path(of: step)
      guard mkdir(path, 0o700) == 0 else { throw GoudError.system("create", path) }
      try FileSystem.synchronize(directory: step.place.directory)
      KillPoint.reached("restore.staged")
      try marked(step.place).write(in: path)
      KillPoint.reached("restore.marked")
    }
  }

  /// Says durably that every volume is built, on the device, and proven.
  func finish() throws {
    for step in plan.steps where try RestoreMarker.read(in: path(of: step)) != marked(step.place) {
      throw GoudError(
        .archiveUnsafe, "the backup brought a file named \(RestoreMarker.fileName), which is goud's own",
        hint: "do not trust this archive", context: ["volume": step.volume])
    }
    marker.state = .proven
    for step in plan.steps {
      guard let modified = try FileSystem.status(path(of: step))?.st_mtim else { continue }
      marker.rootModified = [Int64(modified.tv_sec), Int64(modified.tv_nsec)]
      try marked(step.place).write(in: path(of: step))
      KillPoint.reached("restore.proven")
    }
  }

  /// Deletes what was built, unless it was swapped in.
  func discard() throws {
    for step in plan.steps where try FileSystem.status(path(of: step)) != nil {
      let swapped = try RestoreMarker.read(in: step.place.path)?.id == marker.id
      let moved = try FileSystem.status(step.place.aside(marker.id)) != nil
      if !swapped && !moved { try Discard.directory(path(of: step), of: step.place) }
    }
  }

  private func marked(_ place: VolumePlace) -> RestoreMarker {
    var own = marker
    own.volume = place.path
    return own
  }
}
