import Foundation
import GoudCore

/// Stands between a client and a server on this machine, and misbehaves for a number of connections, then no more.
public enum FaultProxy {
  public enum Fault: Sendable {
    /// Each is dropped once so many bytes have gone through it, in whichever direction.
    case dropped(after: Int)
    /// Each is answered with this status, and nothing reaches the server.
    case answered(Int)
    /// Each reaches the server whole, and its answer is lost.
    case unanswered
    /// Each is answered with this status and S3's error of that code.
    case refused(Int, code: String)
  }

  private static let script = """
    import asyncio, sys
    port, target, kind, value, left = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
    healthy, body = int(sys.argv[6]), sys.argv[7].encode()

    async def handle(reader, writer):
        global left, healthy
        faulty, short = healthy <= 0 and left > 0, healthy > 0
        healthy, left = (healthy - 1, left) if healthy > 0 else (0, left - 1)
        if faulty and kind == "answered":
            head = await reader.readuntil(b"\\r\\n\\r\\n")
            head = b"HTTP/1.1 %d Fault\\r\\nContent-Type: application/xml\\r\\nContent-Length: %d\\r\\n" % (value, len(body))
            writer.write(head + b"Connection: close\\r\\n\\r\\n" + body)
            await writer.drain()
            return writer.close()
        upstream, server = await asyncio.open_connection("127.0.0.1", int(target))
        passed = 0

        async def pump(source, sink):
            nonlocal passed
            try:
                while data := await source.read(65536):
                    passed += len(data)
                    if faulty and kind == "unanswered" and source is upstream and b" 100 " not in data[:16]:
                        writer.transport.abort()
                        server.transport.abort()
                        return
                    if faulty and kind == "dropped" and passed > value or short and passed > 6000000:
                        writer.transport.abort()
                        server.transport.abort()
                        return
                    sink.write(data)
                    await sink.drain()
                sink.close()
            except OSError:
                pass

        await asyncio.gather(pump(reader, server), pump(upstream, writer))

    async def main():
        await (await asyncio.start_server(handle, "127.0.0.1", int(port))).serve_forever()

    asyncio.run(main())
    """

  /// - Parameters:
  ///   - count: how many connections are faulty; the port's own test takes the first.
  ///   - healthy: how many pass before, for 6 MB each, the port's own test not counted.
  public static func with<Result: Sendable>(
    _ fault: Fault, count: Int, healthy: Int = 0, to target: Int, _ body: @Sendable (_ port: Int) async throws -> Result
  ) async throws -> Result {
    let port = try FreePort.take()
    let (kind, value, answer) =
      switch fault {
      case .dropped(let bytes): ("dropped", bytes, "")
      case .answered(let status): ("answered", status, "")
      case .unanswered: ("unanswered", 0, "")
      case .refused(let status, let code):
        ("answered", status, "<?xml version=\"1.0\"?><Error><Code>\(code)</Code><Message>\(code)</Message></Error>")
      }
    let before = healthy == 0 ? 0 : healthy + 1
    let arguments = [
      "-c", script, "\(port)", "\(target)", kind, "\(value)", "\(healthy == 0 ? count + 1 : count)", "\(before)",
      answer,
    ]
    return try await Programs.running("/usr/bin/python3", arguments) { _ in
      try await waitUntil("port \(port) to answer") { FreePort.answers(port) }
      return try await body(port)
    }
  }
}
