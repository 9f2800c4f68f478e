import GoudCore
import PeerProtocol
import SwiftProtobuf

/// What a running node says it holds, for whoever confirms a restore.
public enum PeerInspection {
  /// - Parameters:
  ///   - address: of its peer port.
  ///   - height: of the block that is asked for.
  /// - Returns: the block's hash, 32 bytes; nil when the node does not have it.
  /// - Throws: when it does not answer.
  public static func block(at height: UInt64, of address: HostPort) async throws -> [UInt8]? {
    try await PeerConnection.with(address) { client in
      let reply = try await client.inspect(
        .with { $0.heights = [height] }, options: PeerLimits.call(timeout: PeerLimits.silence))
      return reply.blocks.first { $0.height == height }.map { [UInt8]($0.hash) }
    }
  }
}
