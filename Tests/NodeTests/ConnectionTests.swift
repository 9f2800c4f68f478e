import GoudCore
import HTTPTypes
import NIOCore
import NIOEmbedded
import NIOHTTPTypes
import Testing

@testable import Node

/// What a connection may do, as transcripts.
@Suite struct ConnectionStateTests {
  private func at(_ seconds: Int64) -> NIODeadline { .uptimeNanoseconds(1_000_000_000_000) + .seconds(seconds) }

  private func connection() -> ConnectionState {
    var limits = HTTPLimits()
    (limits.requestTime, limits.answerTime) = (.seconds(10), .seconds(30))
    (limits.idleTime, limits.drainTime) = (.seconds(60), .seconds(2))
    return ConnectionState(ConnectionTimes(limits), at: at(0))
  }

  @Test func aConnectionThatSaysNothingEnds() {
    var state = connection()
    #expect(state.timePassed(at: at(9)) == .none)
    #expect(state.timePassed(at: at(10)) == .close)
  }

  @Test func aRequestThatStopsHalfwayIsAnsweredAndEnds() {
    var state = connection()
    state.headRead(at: at(5))
    #expect(state.timePassed(at: at(14)) == .none)
    #expect(state.timePassed(at: at(15)) == .failRequest)
    #expect(state.deadline == at(17))
    #expect(state.answered(at: at(15)) == .close)
  }

  @Test func aRequestThatNobodyAnswersAfterItsTimeEnds() {
    var state = connection()
    state.headRead(at: at(0))
    #expect(state.timePassed(at: at(10)) == .failRequest)
    #expect(state.timePassed(at: at(12)) == .close)
  }

  @Test func aClientThatDoesNotTakeItsAnswerIsCutOff() {
    var state = connection()
    state.headRead(at: at(0))
    state.requestRead(at: at(1))
    #expect(!state.waitsForClient)
    #expect(state.timePassed(at: at(30)) == .none)
    #expect(state.timePassed(at: at(31)) == .close)
  }

  @Test func betweenRequestsAConnectionMayRest() {
    var state = connection()
    for start in stride(from: Int64(0), to: 300, by: 50) {
      state.headRead(at: at(start))
      state.requestRead(at: at(start))
      #expect(state.answered(at: at(start + 1)) == .none)
      #expect(state.waitsForClient && state.isIdle)
      #expect(state.timePassed(at: at(start + 49)) == .none)
    }
    #expect(state.timePassed(at: at(251 + 60)) == .close)
  }

  @Test func whatIsLeftOfARefusedRequestIsReadForAMomentOnly() {
    var state = connection()
    state.headRead(at: at(0))
    #expect(state.answered(at: at(1)) == .none)
    #expect(state.deadline == at(3))
    #expect(state.timePassed(at: at(3)) == .close)

    var quick = connection()
    quick.headRead(at: at(0))
    #expect(quick.answered(at: at(1)) == .none)
    quick.requestRead(at: at(2))
    #expect(quick.deadline == at(62))
  }

  @Test func requestsSentAheadEachHaveTheirTime() {
    var state = connection()
    state.headRead(at: at(0))
    state.requestRead(at: at(0))
    state.headRead(at: at(0))
    state.requestRead(at: at(0))
    #expect(state.unanswered == 2)
    #expect(state.answered(at: at(20)) == .none)
    #expect(!state.isIdle)
    #expect(state.timePassed(at: at(49)) == .none)
    #expect(state.timePassed(at: at(50)) == .close)
  }

  @Test func nothingFollowsWhatIsNotHTTP() {
    var state = connection()
    state.headRead(at: at(0))
    state.requestRead(at: at(0))
    state.failed()
    #expect(state.answered(at: at(1)) == .close)
  }
}

/// The same on a channel whose clock is the test's.
@Suite struct ConnectionGuardTests {
  private func with(_ body: (EmbeddedChannel) throws -> Void) throws {
    var limits = HTTPLimits()
    (limits.requestTime, limits.answerTime) = (.seconds(10), .seconds(30))
    (limits.idleTime, limits.drainTime) = (.seconds(60), .seconds(2))
    let table = ConnectionTable(limit: 1)
    let channel = EmbeddedChannel()
    try channel.pipeline.syncOperations.addHandler(ConnectionGuard(limits, table: table))
    try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    try body(channel)
    _ = try? channel.finish()
  }

  private func read(_ channel: EmbeddedChannel, whole: Bool) throws {
    try channel.writeInbound(
      HTTPRequestPart.head(HTTPRequest(method: .post, scheme: "http", authority: "x", path: "/")))
    if whole { try channel.writeInbound(HTTPRequestPart.end(nil)) }
  }

  private func answer(_ channel: EmbeddedChannel) throws {
    try channel.writeOutbound(HTTPResponsePart.head(HTTPResponse(status: .ok)))
    try channel.writeOutbound(HTTPResponsePart.end(nil))
  }

  @Test func afterARestARequestHasNoMoreTimeThanTheFirst() throws {
    try with { channel in
      try read(channel, whole: true)
      try answer(channel)
      channel.embeddedEventLoop.advanceTime(by: .seconds(20))
      #expect(channel.isActive)
      try read(channel, whole: false)
      channel.embeddedEventLoop.advanceTime(by: .seconds(9))
      try channel.throwIfErrorCaught()
      channel.embeddedEventLoop.advanceTime(by: .seconds(1))
      #expect(throws: GoudError.self) { try channel.throwIfErrorCaught() }
      try answer(channel)
      #expect(!channel.isActive)
    }
  }

  @Test func whatIsLeftOfARefusedRequestIsReadForAMomentOnly() throws {
    try with { channel in
      try read(channel, whole: false)
      try answer(channel)
      channel.embeddedEventLoop.advanceTime(by: .seconds(1))
      #expect(channel.isActive)
      channel.embeddedEventLoop.advanceTime(by: .seconds(1))
      #expect(!channel.isActive)
    }
  }
}

@Suite struct ConnectionTableTests {
  @Test func aNewConnectionTakesThePlaceOfTheOneThatWaitedLongest() throws {
    let table = ConnectionTable(limit: 3)
    let channels = (0..<3).map { _ in EmbeddedChannel() }
    let seats = try channels.map { try #require(table.admit($0)) }
    // The first works, and then waits again: now the second has waited longest.
    seats[0].waits = false
    seats[0].waits = true
    let late = EmbeddedChannel()
    #expect(table.admit(late) != nil)
    #expect(table.count == 3)
    for channel in channels { channel.embeddedEventLoop.run() }
    #expect(channels.map(\.isActive) == [false, false, false])
    #expect(throws: Never.self) { try channels[0].throwIfErrorCaught() }
  }

  @Test func whileAllAreWorkedOnANewOneIsTurnedAway() throws {
    let table = ConnectionTable(limit: 2)
    let seats = try (0..<2).map { _ in try #require(table.admit(EmbeddedChannel())) }
    for seat in seats { seat.waits = false }
    #expect(table.admit(EmbeddedChannel()) == nil)
    table.leave(seats[0])
    #expect(table.admit(EmbeddedChannel()) != nil)
    #expect(table.count == 2)
  }
}
