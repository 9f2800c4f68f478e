public import Chain
import GoudCore

/// What a restore needs of whoever runs the nodes of an environment: processes, containers. Nodes go by their names
/// (`node1`), those that the volumes of the environment are named after (`node1_data`).
///
/// Calls may take as long as they need, but end soon after their task is cancelled.
public protocol NodeRunner: Sendable {
  /// The nodes that run now, or are meant to run and are being started again.
  func runningNodes() async throws -> [String]

  /// Stops a node, and keeps it stopped. Returns once its process is gone and its database is closed.
  func stop(_ node: String) async throws

  /// Starts a node. Returns once it has been started, ready or not.
  func start(_ node: String) async throws

  /// Waits until a node answers, says that its database is whole, and holds a chain that reaches the height of `head` and
  /// has this block there. Whether a majority has come together is not asked: the others may not have been started yet.
  /// - Parameter head: the newest block of what was restored; nil: the node has no chain, so that its answer is enough.
  /// - Throws: when it has not come to that within `timeout`, saying what the node said last.
  func confirm(_ node: String, head: BlockReference?, timeout: Duration) async throws
}
