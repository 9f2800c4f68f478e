import Archive
import Foundation
import GoudCore
import Restore

/// What a restore or a rollback would do, for people and for programs.
struct RestorePlanText: Encodable {
  struct Volume: Encodable {
    let name: String
    let path: String
    let bytes: ByteCount
    /// `absent`, `empty directory` or `volume`: what is there now. A volume is kept as a safety copy.
    let present: String
    /// The safety copy that is put back; nil for a restore.
    let safetyCopy: String?
    /// The node that is stopped just before the swap and started after it; nil: none runs.
    let node: String?
  }

  struct Room: Encodable {
    let directory: String
    let needed: ByteCount
    let available: ByteCount
  }

  let backup: String
  /// Who vouches for it; absent for a rollback.
  let signature: ArchiveSignature?
  let volumes: [Volume]
  let room: [Room]
  /// Interrupted restores that are finished or rolled back first.
  let pending: [String]
  /// Height of the chain that is restored, and the nodes that are not; absent when the backup says nothing of a chain.
  let height: Int64?
  let notRestored: [String]?
  /// What it means for the network; nil when there is none.
  let network: String?

  init(_ plan: RestorePlan) {
    backup = plan.backup
    signature = plan.signature
    volumes = plan.steps.map {
      Volume(
        name: $0.volume, path: $0.place.path, bytes: $0.bytes, present: $0.present.description, safetyCopy: nil,
        node: $0.node)
    }
    room = plan.needs.map { Room(directory: $0.directory, needed: $0.bytes, available: $0.available) }
    pending = plan.pending.map { "\($0.backup) (\($0.outcome == .finished ? "to be finished" : "to be rolled back"))" }
    height = plan.network?.height
    notRestored = plan.network?.missing
    network = plan.network?.description
  }

  init(_ copies: [SafetyCopy]) throws {
    signature = nil
    backup = copies.first.map { "safety copy \($0.stamp)" } ?? ""
    volumes = try copies.map {
      Volume(
        name: $0.place.name, path: $0.place.path, bytes: .zero,
        present: try PresentVolume(at: $0.place).description, safetyCopy: $0.path, node: nil)
    }
    room = []
    pending = []
    height = nil
    notRestored = nil
    network = nil
  }

  var lines: [String] {
    pending.map { "first: \($0), which was interrupted" }
      + ["put \(backup) in place"]
      + [signature].compactMap { $0 }.map { "  \($0.summary)" }
      + volumes.map {
        let bytes = $0.bytes > .zero ? ", \($0.bytes)" : ""
        return "  \($0.name): \($0.path)\(bytes); there now: \($0.present)"
          + ($0.present == "volume" ? ", kept as a safety copy" : "")
          + ($0.node.map { "; \($0) is stopped for a moment" } ?? "")
      }
      + [network].compactMap { $0 }.map { "  \($0)" }
      + room.map { "  room in \($0.directory): \($0.needed) needed, \($0.available) available" }
  }
}

extension NetworkEffect {
  fileprivate var description: String {
    let others = missing.joined(separator: ", ")
    if !begins {
      return
        "\(volumes.joined(separator: ", ")) will rejoin the network (not restored: \(others)), and count for nothing "
        + "before they have caught up"
    }
    let without = missing.isEmpty ? "" : " without \(others), which will be set apart"
    return "the network begins anew from block \(cut ?? height) of \(height)\(without)"
  }
}

extension PresentVolume {
  var description: String {
    switch self {
    case .absent: "absent"
    case .emptyDirectory: "empty directory"
    case .volume: "volume"
    }
  }
}

extension Output {
  /// Lines of text, each with its control characters escaped.
  static func printable(lines: [String]) -> String { lines.map(printable).joined(separator: "\n") }
}
