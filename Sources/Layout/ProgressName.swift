/// What a node's directory below `network/progress` holds: how far the node has come, outside of its volume.
public struct ProgressName: Sendable, Hashable {
  public let directory: String

  public init(in directory: String) { self.directory = directory }

  /// Standing, promise, and a block that the volume holds.
  public var record: String { "\(directory)/progress.json" }
  /// The newest such block.
  public var stored: String { "\(directory)/stored" }
}
