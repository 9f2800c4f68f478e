public import Foundation
import GoudCore
import Layout

#if canImport(Glibc)
  import Glibc
#endif

/// Starts and recognises the processes of nodes. Calls may block shortly.
public protocol NodeLauncher: Sendable {
  /// The node's process, when it runs, whoever started it.
  func running(_ node: String) -> ProcessID?
  /// Starts it; makes its volume anew when that is gone.
  func start(_ node: String) throws -> ProcessID
  /// Takes note that it has ended.
  /// - Returns: how: `exit 13`, `signal 9`; nil when nobody can tell.
  func ended(_ node: String, _ process: ProcessID) -> String?
  /// Whether the operator has stopped it for longer than this manager lives.
  func isStopped(_ node: String) -> Bool
  func remember(_ node: String, stopped: Bool) throws

  /// Asks it to stop, or ends it at once.
  func stop(_ node: String, _ process: ProcessID, kill: Bool) throws
  /// Whether others may stop and start nodes behind the manager's back.
  var isSharedWithOperator: Bool { get }
  /// Whether a node that has ended was stopped by somebody else on purpose.
  func stoppedByHand(_ node: String, _ process: ProcessID) -> Bool
  /// Removes what is left of a node that has stopped, but for its volume.
  func remove(_ node: String) throws
  /// Removes what the nodes have shared.
  func removeShared() throws
  /// Throws when a network cannot be started now. Touches nothing.
  func prepare() throws
  /// Gives the volumes to whom the nodes will run as.
  func handOver() throws
  /// Throws when nodes can be neither started nor stopped now.
  func check() throws
  /// nil for what is no container.
  func container(_ node: String) -> NodeContainer?
}

/// The container of a node.
public struct NodeContainer: Sendable, Hashable {
  public let id: String
  /// nil when it does not run.
  public let started: Date?
}

/// As it is with processes.
extension NodeLauncher {
  public func stop(_ node: String, _ process: ProcessID, kill: Bool) { process.signal(kill ? SIGKILL : SIGTERM) }
  public var isSharedWithOperator: Bool { false }
  public func stoppedByHand(_ node: String, _ process: ProcessID) -> Bool { false }
  public func remove(_ node: String) {}
  public func removeShared() {}
  public func prepare() {}
  public func handOver() {}
  public func check() {}
  public func container(_ node: String) -> NodeContainer? { nil }
}

/// `run/<node>.stopped`: the operator has stopped it.
struct StopMarks: Sendable {
  private let home: NetworkHome

  init(_ home: NetworkHome) { self.home = home }

  func isStopped(_ node: String) -> Bool { (try? FileSystem.status(marker(node))) ?? nil != nil }

  func remember(_ node: String, stopped: Bool) throws {
    if stopped {
      try AtomicFile.write([], to: marker(node))
    } else if isStopped(node) {
      try FileManager.default.removeItem(atPath: marker(node))
    }
  }

  private func marker(_ node: String) -> String { "\(home.run)/\(node).stopped" }
}
