import NIOCore

/// What a connection may do, and for how long. Decides only; `ConnectionGuard` carries it out.
///
/// A connection is idle, or has one request under way: from its head until it is read to its end and the last byte of
/// its answer has gone to the client. What the client sends ahead waits, and has its time from when it is the next.
struct ConnectionState {
  enum Action: Equatable {
    case none
    /// Tell whoever reads the request that its time is over; the answer to that is the connection's last.
    case failRequest
    case close
  }

  /// How far the answer to the request under way is.
  private enum Answer {
    case none, owed
    /// All of it has been handed over, and has not gone yet: the client must read.
    case handedOver
    /// Gone before the request was read to its end.
    case gone
  }

  private let times: ConnectionTimes
  private var answer = Answer.none
  /// Bytes of an answer wait for the client to take them.
  private var isBlocked = false
  /// The request under way has not been read to its end.
  private(set) var reading = false
  /// The connection ends with the answer that is owed.
  private(set) var closing = false
  /// When something must have happened.
  private(set) var deadline: NIODeadline

  /// An open connection. Its first request has the time of a request, not of an idle connection, to begin.
  init(_ times: ConnectionTimes, at now: NIODeadline) {
    self.times = times
    deadline = now + times.request
  }

  /// No request is under way: the next one may begin.
  var isIdle: Bool { answer == .none && !reading }
  /// The client has not taken what it was answered.
  var isUnread: Bool { answer == .handedOver || isBlocked }
  /// The next move is the client's.
  var waitsForClient: Bool { reading || answer != .owed || isBlocked }

  mutating func headRead(at now: NIODeadline) {
    answer = .owed
    reading = true
    deadline = now + times.request
  }

  mutating func requestRead(at now: NIODeadline) {
    reading = false
    switch answer {
    case .owed, .handedOver: if !closing { deadline = now + times.answer }
    case .gone, .none: rest(at: now)
    }
  }

  /// The channel takes more bytes, or no more for now.
  mutating func wrote(blocked: Bool, at now: NIODeadline) {
    isBlocked = blocked
    if blocked && closing { deadline = min(deadline, now + times.drain) }
  }

  /// The last part of the answer is on its way.
  mutating func answered(at now: NIODeadline) {
    answer = .handedOver
    if reading || closing { deadline = min(deadline, now + times.drain) }
  }

  /// The last byte of the answer has gone.
  mutating func gone(at now: NIODeadline) -> Action {
    guard !closing else { return .close }
    answer = .gone
    if !reading { rest(at: now) }
    return .none
  }

  private mutating func rest(at now: NIODeadline) {
    answer = .none
    deadline = now + times.idle
  }

  /// The bytes that arrive are not HTTP: nothing after them can be read.
  mutating func failed() { closing = true }

  /// The server stops: what it owes is given, and clients that owe something have a moment left.
  mutating func stops(at now: NIODeadline) -> Action {
    closing = true
    guard answer == .owed || answer == .handedOver else { return .close }
    if waitsForClient { deadline = min(deadline, now + times.drain) }
    return .none
  }

  /// To be called at `deadline`, or later; earlier it does nothing.
  mutating func timePassed(at now: NIODeadline) -> Action {
    guard now >= deadline else { return .none }
    guard answer == .owed && reading && !closing else { return .close }
    closing = true
    deadline = now + times.drain
    return .failRequest
  }
}

/// See `HTTPLimits`.
struct ConnectionTimes: Sendable {
  var request: TimeAmount
  var answer: TimeAmount
  var idle: TimeAmount
  var drain: TimeAmount

  init(_ limits: HTTPLimits) {
    request = TimeAmount(limits.requestTime)
    answer = TimeAmount(limits.answerTime)
    idle = TimeAmount(limits.idleTime)
    drain = TimeAmount(limits.drainTime)
  }
}
