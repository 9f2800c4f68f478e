import AsyncHTTPClient
import BlobStore
import Dispatch
import Foundation
import GoudCore
import NIOCore
import NIOHTTP1
import Synchronization

/// An object on its way through rclone: what is written goes into the body of one request, piece by piece.
///
/// At most `depth` pieces of `pieceBytes` wait. A body that ends without its closing boundary fails in rclone, which then
/// gives the upload up: nothing appears.
final class RcloneUpload: BlobUpload, @unchecked Sendable {
  private static let depth = 4
  private static let pieceBytes = 1 << 20

  private let pieces: AsyncThrowingStream<ByteBuffer, any Error>.Continuation
  /// Places that are free. Begins at zero: a semaphore that ends below its beginning, as after a failure, is a fault.
  private let room = DispatchSemaphore(value: 0)
  private let done = DispatchSemaphore(value: 0)
  private let outcome = Mutex<Result<Void, any Error>?>(nil)
  private let boundary = "goud-\(UUID().uuidString)"
  private let cancellation: Cancellation
  /// Takes the object away that is there although nobody waits for it any more.
  private let withdraw: @Sendable () throws -> Void
  private enum State {
    case open
    /// All of it is on its way: it may appear.
    case ending
    case ended
  }
  /// Of the writing thread.
  private var state = State.open
  /// How long an upload that is given up is waited for.
  private static let patience = DispatchTimeInterval.seconds(30)

  init(
    _ name: String, _ request: HTTPClientRequest, _ http: HTTPClient, _ cancellation: Cancellation,
    withdraw: @escaping @Sendable () throws -> Void, fault: @escaping @Sendable (String, Int) -> GoudError
  ) {
    let (stream, pieces) = AsyncThrowingStream<ByteBuffer, any Error>.makeStream()
    self.pieces = pieces
    self.cancellation = cancellation
    self.withdraw = withdraw
    var request = request
    request.headers.add(name: "Content-Type", value: "multipart/form-data; boundary=\(boundary)")
    let room = room
    let body = stream.map { piece in
      room.signal()
      return piece
    }
    request.body = .stream(body, length: .unknown)
    for _ in 1..<Self.depth { room.signal() }
    let quoted = String(name.flatMap { "\"\\".contains($0) ? ["\\", $0] : [$0] })
    pieces.yield(
      ByteBuffer(
        string: "--\(boundary)\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\(quoted)\"\r\n"
          + "Content-Type: application/octet-stream\r\n\r\n"))
    Task.detached { [self, request] in
      let result: Result<Void, any Error>
      do {
        let response = try await http.execute(request, timeout: .hours(24 * 7))
        let answer = try await response.body.collect(upTo: 1 << 20)
        result =
          response.status == .ok
          ? .success(()) : .failure(fault(String(buffer: answer), Int(response.status.code)))
      } catch {
        result = .failure(fault("\(error)", 0))
      }
      outcome.withLock { $0 = result }
      done.signal()
    }
  }

  deinit { pieces.finish(throwing: CancellationError()) }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes
    while !rest.isEmpty {
      let count = min(rest.count, Self.pieceBytes)
      try send(ByteBuffer(bytes: rest[..<count]))
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
  }

  func finish() throws {
    try send(ByteBuffer(string: "\r\n--\(boundary)--\r\n"))
    state = .ending
    pieces.finish()
    while done.wait(timeout: .now() + .milliseconds(200)) == .timedOut { try cancellation.check() }
    done.signal()
    try outcome.withLock { $0 }!.get()
    state = .ended
  }

  func abandon() throws {
    defer { state = .ended }
    switch state {
    case .ended: return
    case .open:
      pieces.finish(throwing: CancellationError())
      // Until rclone has given it up.
      _ = done.wait(timeout: .now() + Self.patience)
    case .ending:
      // Nothing calls it back any more: it is waited for, and goes if it has become an object.
      _ = done.wait(timeout: .now() + Self.patience)
      if case .failure = outcome.withLock({ $0 }) { return }
      try withdraw()
    }
  }

  private func send(_ piece: ByteBuffer) throws {
    while room.wait(timeout: .now() + .milliseconds(200)) == .timedOut {
      try cancellation.check()
      try failed()
    }
    try failed()
    pieces.yield(piece)
  }

  private func failed() throws {
    guard let outcome = outcome.withLock({ $0 }) else { return }
    try outcome.get()
    throw GoudError(.blobUnreachable, "the store ended the upload too early", hint: "run it again")
  }
}
