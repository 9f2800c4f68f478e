import NIOCore

/// Sits on a connection between its bytes and HTTP: gives the decoder no more than what the request under way may take,
/// so that requests sent ahead wait as bytes, few of them here and the rest in the kernel, and no further ones are read.
final class RequestGate: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// What the decoder is given.
  enum Passage: Equatable {
    case nothing
    /// Small pieces: where the request ends is not known, and what of the next one comes with its end is little.
    case pieces
    /// So many bytes, which belong to the request.
    case bytes(Int)
  }

  /// Bytes given at a time while a request's end is not known: of requests that lie behind it, a few dozen at most.
  static let pieceBytes = 512
  /// Bytes kept for later. More than one read only come when a client that has sent much ahead says that nothing will
  /// follow.
  static let heldBytes = 64 << 10

  /// Set by `ConnectionGuard`, also while bytes are being passed on.
  var passage = Passage.pieces
  /// More was sent ahead than is kept, and has been dropped: nothing that follows can be read.
  private(set) var isOverrun = false

  private var held: ByteBuffer?
  /// Bytes wait for their turn.
  var isHolding: Bool { held != nil }
  private var inputClosed = false
  private var readHeld = false
  private var isPassing = false

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var bytes = unwrapInboundIn(data)
    guard !isOverrun else { return }
    if held == nil {
      held = bytes
    } else {
      held!.writeBuffer(&bytes)
    }
    passOn(context)
    if passage == .nothing, let held, held.readableBytes > Self.heldBytes {
      isOverrun = true
      self.held = nil
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case ChannelEvent.inputClosed = event, held != nil {
      inputClosed = true
    } else {
      context.fireUserInboundEventTriggered(event)
    }
  }

  func read(context: ChannelHandlerContext) {
    if passage == .nothing || held != nil {
      readHeld = true
    } else {
      context.read()
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    held = nil
    context.fireChannelInactive()
  }

  /// To be called when `passage` has widened.
  func opened(context: ChannelHandlerContext) {
    guard !isPassing, context.channel.isActive else { return }
    if passOn(context) { context.fireChannelReadComplete() }
    guard held == nil, passage != .nothing else { return }
    if inputClosed {
      inputClosed = false
      context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    } else if readHeld {
      readHeld = false
      context.read()
    }
  }

  /// - Returns: whether there was anything to pass on.
  @discardableResult
  private func passOn(_ context: ChannelHandlerContext) -> Bool {
    isPassing = true
    defer { isPassing = false }
    var passed = false
    while let piece = nextPiece() {
      passed = true
      context.fireChannelRead(wrapInboundOut(piece))
    }
    return passed
  }

  private func nextPiece() -> ByteBuffer? {
    guard let count = held?.readableBytes else { return nil }
    let allowed =
      switch passage {
      case .nothing: 0
      case .pieces: Self.pieceBytes
      case .bytes(let left): left
      }
    guard allowed > 0 else { return nil }
    let piece = held!.readSlice(length: min(allowed, count))
    if allowed >= count { held = nil }
    return piece
  }
}
