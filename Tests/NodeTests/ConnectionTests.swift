import GoudCore
import HTTPTypes
import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import TestSupport
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
    state.answered(at: at(15))
    #expect(state.gone(at: at(15)) == .close)
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
    #expect(!state.waitsForClient && !state.isUnread)
    state.answered(at: at(2))
    #expect(state.waitsForClient && state.isUnread && !state.isIdle)
    #expect(state.timePassed(at: at(30)) == .none)
    #expect(state.timePassed(at: at(31)) == .close)
  }

  @Test func aClientThatDoesNotTakeTheBeginningOfItsAnswerKeepsTheServerWaiting() {
    var state = connection()
    state.headRead(at: at(0))
    state.requestRead(at: at(0))
    state.wrote(blocked: true, at: at(5))
    #expect(state.waitsForClient && state.isUnread)
    state.wrote(blocked: false, at: at(5))
    #expect(!state.waitsForClient && !state.isUnread)
  }

  @Test func betweenRequestsAConnectionMayRest() {
    var state = connection()
    for start in stride(from: Int64(0), to: 300, by: 50) {
      state.headRead(at: at(start))
      state.requestRead(at: at(start))
      state.answered(at: at(start + 1))
      #expect(state.gone(at: at(start + 1)) == .none)
      #expect(state.waitsForClient && state.isIdle)
      #expect(state.timePassed(at: at(start + 49)) == .none)
    }
    #expect(state.timePassed(at: at(251 + 60)) == .close)
  }

  @Test func whatIsLeftOfARefusedRequestIsReadForAMomentOnly() {
    var state = connection()
    state.headRead(at: at(0))
    state.answered(at: at(1))
    #expect(state.gone(at: at(1)) == .none)
    #expect(!state.isIdle && state.deadline == at(3))
    #expect(state.timePassed(at: at(3)) == .close)

    var quick = connection()
    quick.headRead(at: at(0))
    quick.answered(at: at(1))
    #expect(quick.gone(at: at(1)) == .none)
    quick.requestRead(at: at(2))
    #expect(quick.isIdle && quick.deadline == at(62))
  }

  @Test func whatIsLeftOfARefusedRequestMayEndBeforeItsAnswerIsTaken() {
    var state = connection()
    state.headRead(at: at(0))
    state.answered(at: at(1))
    #expect(state.deadline == at(3))
    state.requestRead(at: at(2))
    #expect(!state.isIdle && state.deadline == at(32))
    #expect(state.gone(at: at(4)) == .none)
    #expect(state.isIdle && state.deadline == at(64))
  }

  @Test func aStopWaitsForTheServersWorkAndForNoClient() {
    var idle = connection()
    #expect(idle.stops(at: at(1)) == .close)

    var working = connection()
    working.headRead(at: at(0))
    working.requestRead(at: at(0))
    #expect(working.stops(at: at(1)) == .none)
    #expect(working.deadline == at(30))
    working.answered(at: at(5))
    #expect(working.deadline == at(7))
    #expect(working.gone(at: at(6)) == .close)

    var unread = connection()
    unread.headRead(at: at(0))
    unread.requestRead(at: at(0))
    unread.answered(at: at(1))
    #expect(unread.stops(at: at(2)) == .none)
    #expect(unread.timePassed(at: at(4)) == .close)

    // It has its answer made when the server stops, and then does not take it.
    var late = connection()
    late.headRead(at: at(0))
    late.requestRead(at: at(0))
    #expect(late.stops(at: at(1)) == .none)
    late.wrote(blocked: true, at: at(2))
    #expect(late.timePassed(at: at(4)) == .close)

    var slow = connection()
    slow.headRead(at: at(0))
    #expect(slow.stops(at: at(1)) == .none)
    #expect(slow.timePassed(at: at(3)) == .close)

    var refused = connection()
    refused.headRead(at: at(0))
    refused.answered(at: at(1))
    #expect(refused.gone(at: at(1)) == .none)
    #expect(refused.stops(at: at(1)) == .close)
  }

  @Test func nothingFollowsWhatIsNotHTTP() {
    var state = connection()
    state.headRead(at: at(0))
    state.requestRead(at: at(0))
    state.failed()
    state.answered(at: at(1))
    #expect(state.gone(at: at(1)) == .close)
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
    try channel.pipeline.syncOperations.addHandlers([ConnectionDoor(), ConnectionGuard(limits, table: table)])
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
    seats[0].waits(.nobody)
    seats[0].waits(.client)
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
    for seat in seats { seat.waits(.nobody) }
    #expect(table.admit(EmbeddedChannel()) == nil)
    table.leave(seats[0])
    #expect(table.admit(EmbeddedChannel()) != nil)
    #expect(table.count == 2)
  }

  @Test func whileAllAreWorkedOnAFewMoreAreLetInUntilOneHasItsAnswer() throws {
    let table = ConnectionTable(limit: 8)
    let seats = try (0..<8).map { _ in try #require(table.admit(EmbeddedChannel())) }
    for seat in seats { seat.waits(.nobody) }
    #expect(!table.takesBack(seats[0]))
    let late = try #require(table.admit(EmbeddedChannel()))
    late.waits(.nobody)
    #expect(table.count == 9 && table.admit(EmbeddedChannel()) == nil)
    #expect(table.takesBack(seats[0]))
    #expect(table.count == 8 && !table.takesBack(seats[1]))
    // Its end comes later, and is counted once.
    table.leave(seats[0])
    #expect(table.count == 8)
  }

  @Test func newOnesDoNotDriveEachOtherOut() throws {
    let table = ConnectionTable(limit: 16)
    let busy = try (0..<16).map { _ in try #require(table.admit(EmbeddedChannel())) }
    for seat in busy { seat.waits(.nobody) }
    let channels = [EmbeddedChannel(), EmbeddedChannel()]
    let new = try channels.map { try #require(table.admit($0)) }
    #expect(channels.allSatisfy { table.seat(of: $0) != nil } && table.count == 18)
    // Who has asked, and waits again, is no new one.
    new[1].begins()
    #expect(table.admit(EmbeddedChannel()) != nil)
    #expect(table.seat(of: channels[0]) === new[0] && table.seat(of: channels[1]) == nil)
  }

  @Test func whoDoesNotTakeAnAnswerGoesFirst() throws {
    let table = ConnectionTable(limit: 3)
    let channels = (0..<3).map { _ in EmbeddedChannel(handler: nil, loop: EmbeddedEventLoop()) }
    let seats = try channels.map { try #require(table.admit($0)) }
    seats[2].waits(.nobody)
    seats[2].waits(.unread)
    #expect(table.admit(EmbeddedChannel()) != nil)
    #expect(table.seat(of: channels[2]) == nil)
    #expect(table.seat(of: channels[0]) === seats[0] && table.seat(of: channels[1]) === seats[1])
    // Its own end comes later, and takes nobody's place away.
    table.leave(seats[2])
    #expect(table.count == 3)
  }

  @Test func whoHoldsBytesAndDoesNotMoveMakesRoom() async throws {
    let table = ConnectionTable(limit: 4)
    let budget = BodyBudget(bytes: 100, table: table)
    let channels = (0..<4).map { _ in EmbeddedChannel() }
    let seats = try channels.map { try #require(table.admit($0)) }
    // Of one that waits for the server, one that says nothing, one that takes no answer, one that holds nothing.
    let shares = try await [
      budget.take(30, for: seats[0]), budget.take(30, for: seats[1]), budget.take(30, for: seats[2]),
    ]
    seats[0].waits(.nobody)
    seats[2].waits(.nobody)
    seats[2].waits(.unread)
    table.makeRoom(bytes: 20, patience: .seconds(60))
    #expect(table.count == 4)
    try await Task.sleep(for: .milliseconds(2))
    table.makeRoom(bytes: 20, patience: .milliseconds(1))
    #expect(seats.map { seat in channels.contains { table.seat(of: $0) === seat } } == [true, true, false, true])
    // What it held is still to come.
    table.makeRoom(bytes: 30, patience: .milliseconds(1))
    #expect(seats.map { seat in channels.contains { table.seat(of: $0) === seat } } == [true, true, false, true])
    table.makeRoom(bytes: 500, patience: .milliseconds(1))
    #expect(seats.map { seat in channels.contains { table.seat(of: $0) === seat } } == [true, false, false, true])
    withExtendedLifetime(shares) {}
  }
}

@Suite struct BodyBudgetTests {
  private func seats(_ count: Int) throws -> (ConnectionTable, [ConnectionTable.Seat]) {
    let table = ConnectionTable(limit: count)
    return (table, try (0..<count).map { _ in try #require(table.admit(EmbeddedChannel())) })
  }

  @Test func aRestBeforeARequestIsNotItsClientsDelay() async throws {
    let (table, seats) = try self.seats(3)
    let budget = BodyBudget(bytes: 100, table: table)
    try await Task.sleep(for: .milliseconds(300))
    seats[1].begins()
    let shares = [
      try await budget.take(30, for: seats[0]), try await budget.take(30, for: seats[1]),
      // It waited for the bytes, and not for its client.
      try await budget.setAside(30, for: seats[2]),
    ]
    table.makeRoom(bytes: 100, patience: .milliseconds(250))
    #expect(table.count == 2)
    table.leave(seats[0])
    #expect(table.count == 2)
    withExtendedLifetime(shares) {}
  }

  @Test func whatIsSetAsideForABodyThatDoesNotComeIsGivenBack() async throws {
    let budget = BodyBudget(bytes: 100, table: ConnectionTable(limit: 1))
    let announced = try await budget.setAside(90, for: nil)
    try await announced.arrived(10)
    // Or it would be refused.
    let other = try await budget.take(60, for: nil)
    // From now on it has what comes.
    try await announced.arrived(30)
    await #expect(throws: GoudError.self) { try await budget.take(1, for: nil) }
    await #expect(throws: GoudError.self) { try await announced.arrived(1) }
    withExtendedLifetime(other) {}
  }

  @Test func aBodyThatComesKeepsWhatIsSetAsideForIt() async throws {
    let budget = BodyBudget(bytes: 64 << 20, table: ConnectionTable(limit: 1))
    let announced = try await budget.setAside(60 << 20, for: nil)
    try await announced.arrived(50 << 20)
    await #expect(throws: GoudError.self) { try await budget.take(5 << 20, for: nil) }
    try await announced.arrived(1 << 20)
    announced.isWhole()
    _ = try await budget.take(13 << 20, for: nil)
    await #expect(throws: GoudError.self) { try await budget.take(14 << 20, for: nil) }
  }

  /// Waiters of all that there is, one after the other; those of `ahead` have sent more already.
  /// - Returns: who got it, in order.
  private func order(ahead: Set<Int>) async throws -> [Int] {
    let (table, seats) = try self.seats(4)
    let budget = BodyBudget(bytes: 100, table: table, patience: .seconds(60))
    var held: BodyBudget.Share? = try await budget.take(100, for: nil)
    for number in ahead { seats[number].hasSentAhead = true }
    return try await withThrowingTaskGroup(of: (Int, ContinuousClock.Instant).self) { group in
      for number in 0..<4 {
        group.addTask {
          let share = try await budget.take(100, for: seats[number])
          return withExtendedLifetime(share) { (number, .now) }
        }
        try await waitUntil("\(number) to wait") { budget.waiters == number + 1 }
      }
      withExtendedLifetime(held) {}
      held = nil
      return try await group.reduce(into: []) { $0.append($1) }.sorted { $0.1 < $1.1 }.map(\.0)
    }
  }

  @Test func theNewestGoesFirstAndWhoHasSentAheadLast() async throws {
    #expect(try await order(ahead: []) == [3, 2, 1, 0])
    #expect(try await order(ahead: [3, 1]) == [2, 0, 3, 1])
  }

  @Test func whoStopsWaitingTakesNothing() async throws {
    let budget = BodyBudget(bytes: 100, table: ConnectionTable(limit: 1))
    var held: BodyBudget.Share? = try await budget.take(100, for: nil)
    let waiting = Task { _ = try await budget.take(100, for: nil) }
    try await waitUntil("it to wait") { budget.waiters == 1 }
    waiting.cancel()
    await #expect(throws: CancellationError.self) { try await waiting.value }
    #expect(budget.waiters == 0)
    withExtendedLifetime(held) {}
    held = nil
    _ = try await budget.take(100, for: nil)
  }
}

/// Bytes in, requests out: with HTTP between them, as on a real connection.
@Suite struct RequestGateTests {
  private func with(
    _ table: ConnectionTable = ConnectionTable(limit: 1), _ body: (EmbeddedChannel) throws -> Void
  ) throws {
    let channel = EmbeddedChannel()
    let pipeline = channel.pipeline.syncOperations
    try pipeline.addHandlers([ConnectionDoor(), RequestGate()])
    try pipeline.configureHTTPServerPipeline(
      withPipeliningAssistance: false, withErrorHandling: false, withOutboundHeaderValidation: false)
    try pipeline.addHandler(HTTP1ToHTTPServerCodec(secure: false))
    try pipeline.addHandler(ConnectionGuard(HTTPLimits(), table: table))
    try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    try body(channel)
    _ = try? channel.finish()
  }

  /// What comes through, put together.
  private final class Arrivals {
    private var path = ""
    private var bytes = 0

    /// The requests that have come to their ends since the last time: paths, each with the size of its body.
    func next(_ channel: EmbeddedChannel) throws -> [String] {
      var whole: [String] = []
      while let part = try channel.readInbound(as: HTTPRequestPart.self) {
        switch part {
        case .head(let head): (path, bytes) = (head.path ?? "", 0)
        case .body(let body): bytes += body.readableBytes
        case .end: whole.append(bytes > 0 ? "\(path) \(bytes)" : path)
        }
      }
      return whole
    }
  }

  private func requests(_ channel: EmbeddedChannel) throws -> [String] { try Arrivals().next(channel) }

  /// Hands an answer over; the client has it only when `channel` is flushed.
  private func answer(_ channel: EmbeddedChannel) {
    channel.write(HTTPResponsePart.head(HTTPResponse(status: .ok)), promise: nil)
    channel.write(HTTPResponsePart.end(nil), promise: nil)
  }

  private func get(_ path: String) -> String { "GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n" }

  @Test func oneRequestIsUnderWayUntilItsAnswerIsGone() throws {
    try with { channel in
      try channel.writeInbound(ByteBuffer(string: (0..<200).map { get("/\($0)") }.joined()))
      for number in 0..<200 {
        #expect(try requests(channel) == ["/\(number)"])
        answer(channel)
        #expect(try requests(channel) == [])
        channel.flush()
      }
      #expect(try requests(channel) == [])
      try channel.writeInbound(ByteBuffer(string: get("/more")))
      #expect(try requests(channel) == ["/more"])
    }
  }

  /// It would never be found waiting.
  @Test func whoHasSentManyRequestsAheadGivesWayAfterAnAnswer() throws {
    let table = ConnectionTable(limit: 8)
    try with(table) { channel in
      let others = try (0..<7).map { _ in try #require(table.admit(EmbeddedChannel())) }
      for seat in others { seat.waits(.nobody) }
      try channel.writeInbound(ByteBuffer(string: (0..<200).map { get("/\($0)") }.joined()))
      #expect(table.seat(of: channel)?.hasSentAhead == true)
      #expect(try requests(channel) == ["/0"])
      answer(channel)
      channel.flush()
      #expect(try requests(channel) == ["/1"] && channel.isActive)
      #expect(table.admit(EmbeddedChannel()) != nil)
      answer(channel)
      channel.flush()
      #expect(try requests(channel) == [] && !channel.isActive && table.count == 8)
    }
  }

  /// However the bytes are cut, whatever bodies there are, each request comes whole and alone.
  @Test(arguments: [1, 2, 7, 100, 511, 512, 513, 4096, 1 << 20])
  func bodiesOfEveryKindAreReadToTheirEnd(_ cut: Int) throws {
    try with { channel in
      let long = String(repeating: "x\n", count: 2000)
      let bytes = Array(
        (get("/a") + "POST /b HTTP/1.1\r\nContent-Length: 4000\r\n\r\n\(long)" + get("/c")
          + "POST /d HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n\(long.prefix(2000))\r\n3\r\nabc\r\n0\r\n\r\n"
          + "POST /e HTTP/1.1\r\nContent-Length: 0\r\n\r\n" + get("/f")).utf8)
      let arrivals = Arrivals()
      var found: [String] = []
      for start in stride(from: 0, to: bytes.count, by: cut) {
        try channel.writeInbound(ByteBuffer(bytes: bytes[start..<min(start + cut, bytes.count)]))
        while case let new = try arrivals.next(channel), !new.isEmpty {
          #expect(new.count == 1)
          found += new
          answer(channel)
          channel.flush()
        }
      }
      #expect(found == ["/a", "/b 4000", "/c", "/d 2003", "/e", "/f"])
    }
  }

  @Test func whatIsNotHTTPIsToldSoInItsTurn() throws {
    try with { channel in
      try channel.writeInbound(ByteBuffer(string: get("/a") + "nonsense\r\n\r\n"))
      #expect(try requests(channel) == ["/a"])
      answer(channel)
      channel.flush()
      var answers = ""
      while let bytes = try channel.readOutbound(as: ByteBuffer.self) { answers += String(buffer: bytes) }
      #expect(answers.hasPrefix("HTTP/1.1 200") && answers.contains("HTTP/1.1 400"))
      #expect(!channel.isActive)
    }
  }

  @Test func anEndIsHeardBehindWhatWasSentBeforeIt() throws {
    final class Ends: ChannelInboundHandler {
      typealias InboundIn = HTTPRequestPart
      var heard = 0
      func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { heard += 1 }
        context.fireUserInboundEventTriggered(event)
      }
    }
    try with { channel in
      let ends = Ends()
      try channel.pipeline.syncOperations.addHandler(ends)
      try channel.writeInbound(ByteBuffer(string: (0..<50).map { get("/\($0)") }.joined()))
      channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
      for number in 0..<50 {
        #expect(try requests(channel) == ["/\(number)"] && ends.heard == 0)
        answer(channel)
        channel.flush()
      }
      #expect(ends.heard == 1)
    }
  }

  @Test func whoSendsTooMuchAheadIsAnsweredOnceAndEnds() throws {
    try with { channel in
      try channel.writeInbound(ByteBuffer(string: get("/a")))
      let ahead = ByteBuffer(string: String(repeating: get("/b"), count: 500))
      for _ in 0..<20 { try channel.writeInbound(ahead) }
      #expect(try requests(channel) == ["/a"])
      answer(channel)
      channel.flush()
      #expect(try requests(channel) == [])
      #expect(!channel.isActive)
    }
  }
}
