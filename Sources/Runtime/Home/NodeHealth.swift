import Foundation

/// What a node answers at `/health`, as far as others need it (docs/api.md).
public struct NodeHealth: Sendable, Hashable, Codable {
  public struct Head: Sendable, Hashable, Codable {
    public let height: UInt64
    public let epoch: UInt64
    public let hash: String
  }

  /// `healthy`, `degraded`, `syncing`, `starting`, `failed` or `corrupt`.
  public let status: String
  public let ready: Bool
  public let reason: String?
  /// `authority` or `follower`.
  public let role: String
  /// `member` or `rejoining`.
  public let standing: String
  public let chainId: String?
  /// Acknowledged blocks, genesis included.
  public let chainLength: UInt64
  public let head: Head?
  public let acknowledged: Head?
  public let peerCount: Int
  public let atRisk: Bool

  static func decode(_ data: Data) throws -> NodeHealth {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(NodeHealth.self, from: data)
  }
}
