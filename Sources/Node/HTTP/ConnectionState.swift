import NIOCore

/// What a connection may do, and for how long. Decides only; `ConnectionGuard` carries it out.
///
/// A connection is idle, or has requests under way: being read, being answered, or both. Requests may be sent ahead;
/// they are answered one after the other, and each is allowed its time from when it is the next.
struct ConnectionState {
  enum Action: Equatable {
    case none
    /// Tell whoever reads the request that its time is over; the answer to that is the connection's last.
    case failRequest
    case close
  }

  private let times: ConnectionTimes
  /// Heads read whose answers are not written yet.
  private(set) var unanswered = 0
  /// The last of them, or one answered already, has not been read to its end.
  private(set) var reading = false
  /// The connection ends with the next answer.
  private(set) var closing = false
  /// When something must have happened.
  private(set) var deadline: NIODeadline

  /// An open connection. Its first request has the time of a request, not of an idle connection, to begin.
  init(_ times: ConnectionTimes, at now: NIODeadline) {
    self.times = times
    deadline = now + times.request
  }

  /// No request is under way.
  var isIdle: Bool { unanswered == 0 }
  /// The next move is the client's.
  var waitsForClient: Bool { reading || isIdle }

  mutating func headRead(at now: NIODeadline) {
    unanswered += 1
    reading = true
    if unanswered == 1 { deadline = now + times.request }
  }

  mutating func requestRead(at now: NIODeadline) {
    reading = false
    deadline = now + (unanswered == 0 ? times.idle : times.answer)
  }

  mutating func answered(at now: NIODeadline) -> Action {
    unanswered -= 1
    if closing { return .close }
    switch (unanswered, reading) {
    case (0, false): deadline = now + times.idle
    case (0, true): deadline = now + times.drain
    case (_, true): deadline = now + times.request
    case (_, false): deadline = now + times.answer
    }
    return .none
  }

  /// The bytes that arrive are not HTTP: nothing after them can be read.
  mutating func failed() { closing = true }

  /// To be called at `deadline`, or later; earlier it does nothing.
  mutating func timePassed(at now: NIODeadline) -> Action {
    guard now >= deadline else { return .none }
    guard unanswered > 0 && reading && !closing else { return .close }
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
