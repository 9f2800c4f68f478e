import Foundation
import GoudCore

/// Stands between a client and a server on this machine, and misbehaves for a number of connections, then no more.
public enum FaultProxy {
  public enum Fault: Sendable {
    /// Each is dropped once so many bytes have gone through it, in whichever direction.
    case dropped(after: Int)
    /// Each is answered with this status, and nothing reaches the server.
    case answered(Int)
  }

  private static let script = """
    import asyncio, sys
    port, target, kind, value, left = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])

    async def handle(reader, writer):
        global left
        faulty, left = left > 0, left - 1
        if faulty and kind == "answered":
            head = await reader.readuntil(b"\\r\\n\\r\\n")
            writer.write(b"HTTP/1.1 %d Fault\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n" % value)
            await writer.drain()
            return writer.close()
        upstream, server = await asyncio.open_connection("127.0.0.1", int(target))
        passed = 0

        async def pump(source, sink):
            nonlocal passed
            try:
                while data := await source.read(65536):
                    passed += len(data)
                    if faulty and passed > value:
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

  /// - Parameter count: how many connections are faulty; the port's own test takes the first.
  public static func with<Result: Sendable>(
    _ fault: Fault, count: Int, to target: Int, _ body: @Sendable (_ port: Int) async throws -> Result
  ) async throws -> Result {
    let port = try FreePort.take()
    let (kind, value) =
      switch fault {
      case .dropped(let bytes): ("dropped", bytes)
      case .answered(let status): ("answered", status)
      }
    let arguments = ["-c", script, "\(port)", "\(target)", kind, "\(value)", "\(count + 1)"]
    return try await Programs.running("/usr/bin/python3", arguments) { _ in
      try await waitUntil("port \(port) to answer") { FreePort.answers(port) }
      return try await body(port)
    }
  }
}
