import Foundation
import GoudCore

/// Stands before a server of S3 that takes no notice of `If-None-Match`, and heeds it as Amazon does: a second put of a name
/// is refused with 412, and with 409 while the first is on its way. Notes what is asked.
public struct ConditionalProxy: Sendable {
  public let port: Int
  private let log: String

  private static let script = """
    import asyncio, os, sys
    port, target, files, log = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], open(sys.argv[4], "a", buffering=1)
    under_way = set()

    def refusal(status, code):
        body = b"<?xml version=\\"1.0\\"?><Error><Code>%s</Code><Message>%s</Message></Error>" % (code, code)
        head = b"HTTP/1.1 %d Refused\\r\\nContent-Type: application/xml\\r\\nContent-Length: %d\\r\\n" % (status, len(body))
        return head + b"Connection: close\\r\\n\\r\\n" + body

    async def handle(reader, writer):
        key = None
        try:
            lines = (await reader.readuntil(b"\\r\\n\\r\\n")).decode().split("\\r\\n")[:-2]
            method, path = lines[0].split()[:2]
            headers = {l.split(":", 1)[0].lower(): l.split(":", 1)[1].strip() for l in lines[1:]}
            lines = [l for l in lines if not l.lower().startswith(("connection:", "expect:"))] + ["Connection: close"]
            log.write(method + " " + path + "\\n")
            refused = None
            if method == "PUT" and headers.get("if-none-match") == "*":
                name = path.split("?")[0]
                if name in under_way:
                    refused = refusal(409, b"ConditionalRequestConflict")
                elif os.path.exists(files + "/" + name.split("/", 2)[2]):
                    refused = refusal(412, b"PreconditionFailed")
                else:
                    key = name
                    under_way.add(key)
            if "expect" in headers:
                writer.write(b"HTTP/1.1 100 Continue\\r\\n\\r\\n")
            left = int(headers.get("content-length", "0"))
            upstream, server = (None, None)
            if not refused:
                upstream, server = await asyncio.open_connection("127.0.0.1", target)
                server.write("\\r\\n".join(lines + ["", ""]).encode())
            while left > 0 and (data := await reader.read(min(left, 1 << 20))):
                left -= len(data)
                if server:
                    server.write(data)
                    await server.drain()
            if refused:
                writer.write(refused)
            while upstream and (data := await upstream.read(1 << 20)):
                under_way.discard(key)
                writer.write(data)
                await writer.drain()
            if server:
                server.close()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            under_way.discard(key)
            writer.close()

    async def main():
        await (await asyncio.start_server(handle, "127.0.0.1", port)).serve_forever()

    asyncio.run(main())
    """

  /// - Parameters:
  ///   - target: the port of the server.
  ///   - files: where the server keeps the objects of its one bucket.
  public static func with<Result: Sendable>(
    to target: Int, files: String, _ body: @Sendable (ConditionalProxy) async throws -> Result
  ) async throws -> Result {
    let proxy = ConditionalProxy(port: try FreePort.take(), log: "\(FileSystem.parent(of: files)).log")
    let arguments = ["-c", script, "\(proxy.port)", "\(target)", files, proxy.log]
    return try await Programs.running("/usr/bin/python3", arguments) { _ in
      try await waitUntil("port \(proxy.port) to answer") { FreePort.answers(proxy.port) }
      return try await body(proxy)
    }
  }

  /// What was asked so far: `PUT /bucket/key?query`.
  public func requests() throws -> [String] {
    try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").map(String.init)
  }
}
