import GRPCCore

/// What a peer may cost at most. Nothing here is configurable: a network runs one version of these.
enum PeerLimits {
  /// Blocks in one message, whichever is less. One block alone is at most 2 MiB (docs/chain.md).
  static let batchBlocks = 1024
  static let batchBytes = 4 << 20
  /// Entries that are handed on in one message, whichever is less; a larger one goes alone. No more is handed on while
  /// that much waits for the connection: what is on the disk must not wait long behind it.
  static let submittedEntries = 512
  static let submittedBytes = 1 << 20
  /// Between two messages with entries: what comes meanwhile goes together.
  static let linger = Duration.milliseconds(4)
  /// What one message may be at most; longer ones end the call before they are read.
  static let messageBytes = 8 << 20
  /// The same for what a node that calls may send: an entry alone is less than a block.
  static let requestBytes = 4 << 20
  /// Connections of one validator that a node serves at once: a stream, a watch, what it fetches, and what is left of
  /// those when its machine was gone.
  static let seats = 6
  /// Calls on one connection at once.
  static let streams = 4
  /// Connections at once that have proven nothing yet.
  static let visitors = 256
  /// From connecting to a proof, and from calling to an authenticated stream.
  static let handshake = Duration.seconds(5)
  /// Between two signs of life that the authority sends on an idle stream, each of which is answered.
  static let heartbeat = Duration.milliseconds(500)
  /// Without a sign of life for this long, a stream is given up.
  static let silence = Duration.seconds(3)
  /// Messages to one peer that wait for it to take them.
  static let outboxMessages = 64
  static let outboxBytes = 32 << 20
  /// Waits between two attempts to connect: doubling, with ±20 % of jitter.
  static let firstRetry = Duration.milliseconds(100)
  static let lastRetry = Duration.seconds(3)
  /// The same after a refusal: what is wrong there takes longer to put right.
  static let refusedRetry = Duration.seconds(5)
  /// A clock that is off by more is reported.
  static let clockTolerance = Duration.seconds(NodeStatus.clockTolerance)
  static let inspectedBlocks = 128
  /// How long a node waits before it raises its epoch because a peer says so: with at most `EpochReach.step` at a time,
  /// using epochs up takes thousands of years. A follower does not wait for an ordinary start, `cheapRise`.
  static let rise = Duration.milliseconds(200)
  static let cheapRise: UInt64 = 64
  /// The same while the authority leads without that peer: what works is not interrupted more often.
  static let interruption = Duration.seconds(1)

  /// For calls that a node makes.
  static func call(timeout: Duration? = nil) -> CallOptions {
    var options = CallOptions.defaults
    options.timeout = timeout
    options.waitForReady = false
    // The transport bounds what comes in by the first of these (grpc-swift-nio-transport 2.9).
    options.maxRequestMessageBytes = messageBytes
    options.maxResponseMessageBytes = messageBytes
    return options
  }
}
