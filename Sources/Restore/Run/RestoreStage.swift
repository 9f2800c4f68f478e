import Foundation
import GoudCore
import Layout

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
    let id = RestoreMarker.newIdentifier()
    marker = RestoreMarker(
      id: id, backup: plan.backup, sha256: sha256, started: now, volume: "", volumes: places.map(\.path),
      state: .building, safetyCopy: stamp)
    swap = Swap(exchanges: plan.steps.map { $0.place.newExchange(id, $0.site, renames) }, safetyCopy: stamp)
  }

  /// Volume name → its staging directory.
  var directories: [String: String] {
    Dictionary(uniqueKeysWithValues: zip(plan.steps, swap.exchanges).map { ($0.volume, $1.staging) })
  }

  func path(of step: RestorePlan.Step) -> String {
    step.place.newExchange(marker.id, step.site, Renames()).staging
  }

  /// Creates the directories, each with its marker, mode 0700 until the build says otherwise.
  func begin() throws { for exchange in swap.exchanges { try exchange.begin(marked(exchange.place)) } }

  /// Says durably that every volume is built, on the device, and proven.
  func finish() throws {
    for exchange in swap.exchanges {
      let own = try FileSystem.names(in: exchange.staging).first {
        RestoreName.isWork(inRoot: $0) || $0 == RestoreMarker.fileName && exchange is InsideExchange
      }
      guard try own == nil && exchange.marker() == marked(exchange.place) else {
        throw GoudError(
          .archiveUnsafe, "the backup brought a file named \(own ?? RestoreMarker.fileName), which is goud's own",
          hint: "do not trust this archive", context: ["volume": exchange.place.name])
      }
    }
    marker.state = .proven
    for exchange in swap.exchanges {
      guard let modified = try FileSystem.status(exchange.staging)?.st_mtim else { continue }
      marker.rootModified = [Int64(modified.tv_sec), Int64(modified.tv_nsec)]
      try exchange.write(marked(exchange.place))
      KillPoint.reached("restore.proven")
    }
  }

  /// Deletes what was built, unless it was swapped in.
  /// - Parameter keeping: only takes its name from it (`Discard`).
  func discard(keeping: Bool = false) throws {
    for exchange in swap.exchanges { try exchange.abandon(keeping: keeping) }
  }

  private func marked(_ place: VolumePlace) -> RestoreMarker {
    var own = marker
    own.volume = place.path
    return own
  }
}
