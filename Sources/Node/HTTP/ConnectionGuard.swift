import GoudCore
import HTTPTypes
import HummingbirdCore
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// Sits on a connection between HTTP and the routes: nobody may take longer than `ConnectionState` allows, whatever they
/// do or leave undone, and what is not HTTP gets an answer that says so.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPRequestPart
  typealias InboundOut = HTTPRequestPart
  typealias OutboundIn = HTTPResponsePart
  typealias OutboundOut = HTTPResponsePart

  private let times: ConnectionTimes
  private let table: ConnectionTable
  private var state: ConnectionState
  private var seat: ConnectionTable.Seat?
  private var timer: Scheduled<Void>?
  private var timerDeadline = NIODeadline.distantFuture

  init(_ limits: HTTPLimits, table: ConnectionTable) {
    times = ConnectionTimes(limits)
    self.table = table
    state = ConnectionState(times, at: .now())
  }

  func handlerAdded(context: ChannelHandlerContext) {
    state = ConnectionState(times, at: context.eventLoop.now)
    seat = table.admit(context.channel)
    guard seat != nil else { return context.close(promise: nil) }
    schedule(context)
  }

  func handlerRemoved(context: ChannelHandlerContext) { end() }

  func channelInactive(context: ChannelHandlerContext) {
    end()
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head: state.headRead(at: context.eventLoop.now)
    case .body: break
    case .end: state.requestRead(at: context.eventLoop.now)
    }
    seat?.waits = state.waitsForClient
    schedule(context)
    context.fireChannelRead(data)
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    guard case .end = unwrapOutboundIn(data) else { return context.write(data, promise: promise) }
    switch state.answered(at: context.eventLoop.now) {
    case .close:
      context.writeAndFlush(data, promise: promise)
      context.close(promise: nil)
    case .none, .failRequest:
      context.write(data, promise: promise)
      seat?.waits = state.waitsForClient
      schedule(context)
    }
  }

  /// What is not HTTP, or too long to be: with a request under way, its reader is told; else it is answered here.
  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    state.failed()
    guard state.isIdle, let fault = error as? HTTPParserError else { return context.fireErrorCaught(error) }
    refuse(GoudError(fault), context)
  }

  private func refuse(_ error: GoudError, _ context: ChannelHandlerContext) {
    let answer = Answer.error(error)
    var head = HTTPResponse(status: answer.status, headerFields: answer.headers)
    head.headerFields[.connection] = "close"
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    context.write(wrapOutboundOut(.body(Answer.body(error))), promise: nil)
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    context.close(promise: nil)
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
    case .close: context.close(promise: nil)
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
  }
}
