import GoudCore
import HTTPTypes
import HummingbirdCore
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// Sits on a connection between HTTP and the routes: nobody may take longer than `ConnectionState` allows, whatever they
/// do or leave undone; one request is let through at a time; and what is not HTTP gets an answer that says so.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPRequestPart
  typealias InboundOut = HTTPRequestPart
  typealias OutboundIn = HTTPResponsePart
  typealias OutboundOut = HTTPResponsePart

  /// What was read behind the end of the request under way: the rest of a piece that `RequestGate` gave.
  private enum Ahead {
    case part(HTTPRequestPart)
    case error(any Error)
    case inputClosed
  }

  private static let farewell = TimeAmount.milliseconds(500)

  private let times: ConnectionTimes
  private let table: ConnectionTable
  private var state: ConnectionState
  private var seat: ConnectionTable.Seat?
  private var gate: RequestGate?
  private var gateContext: ChannelHandlerContext?
  private var ahead = CircularBuffer<Ahead>(initialCapacity: 0)
  /// Bytes of the body that are still to come; nil: their number is not known.
  private var bodyLeft: Int?
  private var timer: Scheduled<Void>?
  private var timerDeadline = NIODeadline.distantFuture

  init(_ limits: HTTPLimits, table: ConnectionTable) {
    times = ConnectionTimes(limits)
    self.table = table
    state = ConnectionState(times, at: .now())
  }

  func handlerAdded(context: ChannelHandlerContext) {
    state = ConnectionState(times, at: context.eventLoop.now)
    gateContext = try? context.pipeline.syncOperations.context(handlerType: RequestGate.self)
    gate = gateContext?.handler as? RequestGate
    seat = table.admit(context.channel)
    guard seat != nil else { return context.close(promise: nil) }
    schedule(context)
  }

  func handlerRemoved(context: ChannelHandlerContext) { end() }

  func channelInactive(context: ChannelHandlerContext) {
    end()
    context.fireChannelInactive()
  }

  // MARK: - What comes in

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let part = unwrapInboundIn(data)
    guard !waits(part) else {
      ahead.append(.part(part))
      seat?.hasSentAhead = true
      return
    }
    letIn(part, context)
  }

  /// Whether a part belongs to a request whose turn has not come.
  private func waits(_ part: HTTPRequestPart) -> Bool {
    guard ahead.isEmpty else { return true }
    if case .head = part { return !state.isIdle }
    return false
  }

  private func letIn(_ part: HTTPRequestPart, _ context: ChannelHandlerContext) {
    switch part {
    case .head(let head):
      state.headRead(at: context.eventLoop.now)
      seat?.begins()
      bodyLeft = head.headerFields[.contentLength].flatMap { Int($0) }
    case .body(let bytes): bodyLeft? -= bytes.readableBytes
    case .end: state.requestRead(at: context.eventLoop.now)
    }
    note(context)
    context.fireChannelRead(wrapInboundOut(part))
  }

  /// What was read ahead, as far as it is the next request's; then more of it, when there is more.
  private func takeNext(_ context: ChannelHandlerContext) {
    var took = false
    next: while let first = ahead.first {
      switch first {
      case .part(.head) where !state.isIdle: break next
      case .part(let part): letIn(part, context)
      case .error(let error): caught(error, context)
      case .inputClosed: context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
      }
      if !ahead.isEmpty { ahead.removeFirst() }
      took = true
    }
    if took { context.fireChannelReadComplete() }
    note(context)
    guard let gate, let gateContext, gate.passage != .nothing else { return }
    gate.opened(context: gateContext)
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    switch event {
    case ChannelEvent.inputClosed where !ahead.isEmpty: ahead.append(.inputClosed)
    case is ChannelShouldQuiesceEvent:
      if state.stops(at: context.eventLoop.now) == .close { return close(context) }
      note(context)
    default: context.fireUserInboundEventTriggered(event)
    }
  }

  /// What is not HTTP, or too long to be: with a request under way, its reader is told; else it is answered here.
  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if error is HTTPParserError, !ahead.isEmpty || !(state.isIdle || state.reading) {
      ahead.append(.error(error))
    } else {
      caught(error, context)
    }
  }

  private func caught(_ error: any Error, _ context: ChannelHandlerContext) {
    state.failed()
    guard state.isIdle, let fault = error as? HTTPParserError else { return context.fireErrorCaught(error) }
    refuse(GoudError(fault), context)
  }

  // MARK: - What goes out

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    switch unwrapOutboundIn(data) {
    case .head(var head) where state.closing:
      head.headerFields[.connection] = "close"
      context.write(wrapOutboundOut(.head(head)), promise: promise)
    case .end:
      state.answered(at: context.eventLoop.now)
      note(context)
      let gone = promise ?? context.eventLoop.makePromise()
      gone.futureResult.assumeIsolated().whenComplete { _ in self.answerGone(context) }
      context.write(data, promise: gone)
    default: context.write(data, promise: promise)
    }
  }

  /// The system has all bytes of the answer, and has sent all but a little of them.
  private func answerGone(_ context: ChannelHandlerContext) {
    guard let seat else { return }
    guard state.gone(at: context.eventLoop.now) == .none, gate?.isOverrun != true,
      !(state.isIdle && table.takesBack(seat))
    else { return close(context) }
    takeNext(context)
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    state.wrote(blocked: !context.channel.isWritable, at: context.eventLoop.now)
    note(context)
    context.fireChannelWritabilityChanged()
  }

  private func refuse(_ error: GoudError, _ context: ChannelHandlerContext) {
    let answer = Answer.error(error)
    var head = HTTPResponse(status: answer.status, headerFields: answer.headers)
    head.headerFields[.connection] = "close"
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    context.write(wrapOutboundOut(.body(Answer.body(error))), promise: nil)
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    close(context)
  }

  /// Ends the connection with TLS' farewell, and does not wait for the client's for long.
  private func close(_ context: ChannelHandlerContext) {
    let channel = context.channel
    context.close(promise: nil)
    guard channel.isActive else { return }
    context.eventLoop.scheduleTask(in: Self.farewell) {
      channel.pipeline.fireUserInboundEventTriggered(ConnectionDoor.Shut())
    }
  }

  // MARK: - Place and time

  /// Carries on what the state has become: to the table, to the gate, to the timer.
  private func note(_ context: ChannelHandlerContext) {
    seat?.waits(state.isUnread ? .unread : state.waitsForClient ? .client : .nobody)
    seat?.hasSentAhead = !ahead.isEmpty || gate?.isHolding == true
    gate?.passage =
      if state.reading { bodyLeft.map { .bytes($0) } ?? .pieces } else { state.isIdle ? .pieces : .nothing }
    schedule(context)
  }

  /// One timer a connection, moved when it fires, or when it would fire too late: a deadline that moves on with every
  /// request costs nothing.
  private func schedule(_ context: ChannelHandlerContext) {
    guard seat != nil, timer == nil || state.deadline < timerDeadline else { return }
    timer?.cancel()
    timerDeadline = state.deadline
    timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: state.deadline) {
      self.timer = nil
      self.timePassed(context)
    }
  }

  private func timePassed(_ context: ChannelHandlerContext) {
    switch state.timePassed(at: context.eventLoop.now) {
    case .none: schedule(context)
    case .close: context.pipeline.fireUserInboundEventTriggered(ConnectionDoor.Shut())
    case .failRequest:
      schedule(context)
      context.fireErrorCaught(
        GoudError(
          .requestTimeout, "the request did not arrive within its time", hint: "send all of it at once, then try again")
      )
    }
  }

  private func end() {
    timer?.cancel()
    timer = nil
    seat.map(table.leave)
    seat = nil
    (gate, gateContext) = (nil, nil)
    ahead.removeAll()
  }
}
