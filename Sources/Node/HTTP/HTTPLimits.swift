import Chain

/// What one node takes on at most. Whatever goes beyond is refused with the status beside it; nothing queues without
/// bound.
public struct HTTPLimits: Sendable {
  /// The `data` of an entry, in bytes of UTF-8: 413. 1 MiB, less 1 KiB for the label, the ids and the seals.
  public var dataBytes = BlockLimits.entryBytes - 1024
  /// The `label` of an entry, in bytes of UTF-8: 422.
  public var labelBytes = 256
  /// The body of a request that carries no data: 413.
  public var smallBodyBytes = 16 << 10
  /// The body of a submission: escapes may double the data. 413.
  public var submissionBytes: Int { 2 * dataBytes + smallBodyBytes }
  /// Arrays and objects within each other: 400.
  public var nesting = 32
  /// The request line and all header fields together: 431.
  public var headBytes = 16 << 10
  /// Header fields: 431.
  public var headFields = 64
  /// Blocks of one page of `/chain`, and how many are given unasked.
  public var chainPage = 100
  public var chainPageDefault = 20
  /// Encoded bytes of the blocks of one page; a page always holds one block.
  public var chainPageBytes = 1 << 20
  /// Entries of one page of `/data/list`, and how many are given unasked.
  public var listPage = 100
  public var listPageDefault = 20

  /// From the first byte of a request to its last: 408, and the connection ends.
  public var requestTime: Duration = .seconds(10)
  /// From the last byte of a submission to its acknowledgement: 504.
  public var submitTime: Duration = .seconds(10)
  /// From the last byte of a request until the client has the last byte of its answer; then the connection ends.
  public var answerTime: Duration = .seconds(30)
  /// How long a connection may stay between requests.
  public var idleTime: Duration = .seconds(60)
  /// How long what is left of a refused request is read and dropped before the connection ends.
  public var drainTime: Duration = .seconds(2)
  /// Connections at once; a further one takes the place of one that keeps the server waiting, and while it works for all
  /// of them an eighth more are let in (`ConnectionTable`).
  public var connections = 1024

  /// Threads that read the ledger, and reads that may wait for one, when it is busy a quarter of them of one account: 503.
  public var readers = 4
  public var waitingReads = 256
  /// Bytes of blocks that a list looks at before others have their turn.
  public var readTurnBytes = 4 << 20
  /// Bytes of request bodies, until the answer, and of large answers, until the client has them, held at once; while there
  /// is room, an announced body counts as if it had come (`BodyBudget`). Connections that keep the server waiting lose what
  /// they hold to requests that need it; 503.
  public var bodiesBytes = 64 << 20

  /// New accounts from one address, or from one /64 of IPv6; a /48 has 16 times as many: 429.
  public var accountBurst = 256
  public var accountsPerSecond = 32.0
  /// Wrong API keys and registration tokens from one address, counted likewise: 429 in place of 401.
  public var guessBurst = 64
  public var guessesPerSecond = 1.0
  /// Logins of one account, and counted likewise the revocations: 429.
  public var loginBurst = 256
  public var loginsPerSecond = 32.0
  /// Entries of one account: 429.
  public var submissionBurst = 8192
  public var submissionsPerSecond = 4096.0
  /// How long a session token is good for, in seconds.
  public var sessionSeconds: Int64 = 3600

  public init() {}
}
