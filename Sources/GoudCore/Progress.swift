/// How far a run has come. Called from worker threads, at most once per chunk: keep it cheap.
public protocol ProgressSink: Sendable {
  /// A phase begins. `total` bytes lie ahead (0: unknown). `title` is an imperative: "archive node1_data".
  func begin(_ title: String, total: ByteCount)
  /// `bytes` more are done in the present phase.
  func advance(_ bytes: Int)
  /// The present phase is over.
  func end()
}

/// Reports to nobody.
public struct NoProgress: ProgressSink {
  public init() {}
  public func begin(_ title: String, total: ByteCount) {}
  public func advance(_ bytes: Int) {}
  public func end() {}
}
