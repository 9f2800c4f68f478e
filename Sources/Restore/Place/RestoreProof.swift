import Foundation
import GoudCore
import VolumeSnapshot

/// How restored data is proven. Tests put others in.
public struct RestoreProof: Sendable {
  /// Every block of every table that is not among the proven ones; returns the databases' identities by path.
  var full: @Sendable (String, String, ProvenFiles, Cancellation, any ProgressSink) throws -> [String: String] = {
    let proof = try VolumeProof.check($0, depth: .full, scratch: $1, proven: $2, cancellation: $3, progress: $4)
    return try PresentVolume.identities(proof.databases.map(\.location))
  }

  /// Whether the volume opens where it is now.
  var quick: @Sendable (VolumePlace) throws -> Void = {
    _ = try VolumeProof.check($0.path, depth: .quick, scratch: $0.holder(try $0.site()))
  }

  public init() {}
}
