import Foundation
import GoudCore
import VolumeSnapshot

/// How restored data is proven. Tests put others in.
public struct RestoreProof: Sendable {
  /// Every block of every table; returns the databases' identities by path.
  var full: @Sendable (String, String, Cancellation, any ProgressSink) throws -> [String: String] = {
    let proof = try VolumeProof.check($0, depth: .full, scratch: $1, cancellation: $2, progress: $3)
    return try PresentVolume.identities(proof.databases.map(\.location))
  }

  /// Whether the volume opens where it is now.
  var quick: @Sendable (VolumePlace) throws -> Void = {
    _ = try VolumeProof.check($0.path, depth: .quick, scratch: $0.holder(try $0.site()))
  }

  public init() {}

  func full(
    _ path: String, scratch: String, _ cancellation: Cancellation, _ progress: any ProgressSink
  ) throws -> [String: String] { try full(path, scratch, cancellation, progress) }
}
