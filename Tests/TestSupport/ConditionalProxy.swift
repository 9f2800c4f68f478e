import Foundation
import GoudCore

/// Stands before a server of S3 that takes no notice of `If-None-Match`, and heeds it as Amazon does: a second put of a name
/// is refused with 412, and with 409 while the first is on its way. Notes what is asked, and gives trouble where it is told
/// to.
public struct ConditionalProxy: Sendable {
  /// What becomes of a request.
  public enum Trouble: Sendable {
    /// It is answered a second late.
    case late
    /// It reaches the server twice, and the second answer counts.
    case twice
    /// What is put is cut off on its way, and so is any other answer.
    case half
    /// It is done, and its answer does not arrive.
    case lost
    /// It is answered with this status, and not done.
    case answered(Int)

    fileprivate var word: String {
      switch self {
      case .late: "late"
      case .twice: "twice"
      case .half: "half"
      case .lost: "lost"
      case .answered(let status): "\(status)"
      }
    }
  }

  public let port: Int
  private let log: String

  private static let script = """
    import asyncio, os, sys
    port, target, files, log = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], open(sys.argv[4], "a", buffering=1)
    every, troubles = int(sys.argv[5]), sys.argv[6:]
    under_way, number = set(), 0

    def refusal(status, code):
        body = b"<?xml version=\\"1.0\\"?><Error><Code>%s</Code><Message>%s</Message></Error>" % (code, code)
        head = b"HTTP/1.1 %d Refused\\r\\nContent-Type: application/xml\\r\\nContent-Length: %d\\r\\n" % (status, len(body))
        return head + b"Connection: close\\r\\n\\r\\n" + body

    def is_taken(name):
        return os.path.exists(files + "/" + name.split("/", 2)[2])

    async def serve(request):
        upstream, server = await asyncio.open_connection("127.0.0.1", target)
        server.write(request)
        answer = await upstream.read(-1)
        server.close()
        return answer

    def trouble():
        global number
        number += 1
        return troubles[number // every % len(troubles)] if troubles and number % every == 0 else ""

    async def handle(reader, writer):
        key = None
        try:
            lines = (await reader.readuntil(b"\\r\\n\\r\\n")).decode().split("\\r\\n")[:-2]
            method, path = lines[0].split()[:2]
            headers = {l.split(":", 1)[0].lower(): l.split(":", 1)[1].strip() for l in lines[1:]}
            lines = [l for l in lines if not l.lower().startswith(("connection:", "expect:"))] + ["Connection: close"]
            fault = trouble()
            log.write(method + " " + path + (" " + fault if fault else "") + "\\n")
            name, refused = path.split("?")[0], None
            conditional = method == "PUT" and headers.get("if-none-match") == "*"
            if conditional:
                if name in under_way:
                    refused = refusal(409, b"ConditionalRequestConflict")
                elif is_taken(name):
                    refused = refusal(412, b"PreconditionFailed")
                else:
                    key = name
                    under_way.add(key)
            if "expect" in headers:
                writer.write(b"HTTP/1.1 100 Continue\\r\\n\\r\\n")
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            if fault == "half" and method == "PUT":
                return writer.transport.abort()
            if fault.isdigit():
                answer = refusal(int(fault), b"SlowDown" if fault == "429" else b"InternalError")
            else:
                request = "\\r\\n".join(lines + ["", ""]).encode() + body
                answer = refused or await serve(request)
                if fault == "twice" and not refused:
                    answer = refusal(412, b"PreconditionFailed") if conditional else await serve(request)
                if fault == "late":
                    await asyncio.sleep(1)
                if fault == "lost":
                    return writer.transport.abort()
                if fault == "half":
                    writer.write(answer[:len(answer) // 2])
                    await writer.drain()
                    return writer.transport.abort()
            under_way.discard(key)
            writer.write(answer)
            await writer.drain()
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
  ///   - every: so many requests, one meets trouble.
  ///   - troubles: in turns.
  public static func with<Result: Sendable>(
    to target: Int, files: String, every: Int = 3, troubles: [Trouble] = [],
    _ body: @Sendable (ConditionalProxy) async throws -> Result
  ) async throws -> Result {
    let port = try FreePort.take()
    let proxy = ConditionalProxy(port: port, log: "\(FileSystem.parent(of: files)).\(port).log")
    let arguments =
      ["-c", script, "\(port)", "\(target)", files, proxy.log, "\(every)"] + troubles.map(\.word)
    return try await Programs.running("/usr/bin/python3", arguments) { _ in
      try await waitUntil("port \(proxy.port) to answer") { FreePort.answers(proxy.port) }
      return try await body(proxy)
    }
  }

  /// What was asked so far: `PUT /bucket/key?query`, and the trouble that it met.
  public func requests() throws -> [String] {
    try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").map(String.init)
  }
}
