import Foundation
import GoudCore

/// Stands between goud and an engine's socket, and passes on what is said, or holds it: then it takes every call, and
/// nothing comes of it.
public struct EngineRelay: Sendable {
  private let root: String

  public enum Fault: String, Sendable {
    /// What is asked goes no further.
    case silent
    /// The engine is asked, and of its answer only the first bytes come back.
    case half
    /// Nobody takes the call.
    case refused
  }

  /// What makes goud ask by way of it.
  public var environment: [String: String] { ["DOCKER_HOST": "unix://\(root)/relay.sock"] }

  private static let script = """
    import asyncio, os, sys
    root, engine = sys.argv[1], sys.argv[2]

    def fault():
        try:
            return open(root + "/fault").read()
        except OSError:
            return ""

    async def pump(source, sink, back):
        try:
            while data := await source.read(65536):
                while fault() == "silent":
                    await asyncio.sleep(0.02)
                if back and fault() == "half":
                    sink.write(data[:20])
                    while fault() == "half":
                        await asyncio.sleep(0.02)
                    return sink.transport.abort()
                sink.write(data)
                await sink.drain()
            sink.write_eof()
        except OSError:
            pass

    async def handle(reader, writer):
        if fault() == "refused":
            return writer.transport.abort()
        upstream, server = await asyncio.open_unix_connection(engine)
        await asyncio.gather(pump(reader, server, False), pump(upstream, writer, True))
        server.close()
        writer.close()

    async def main():
        await (await asyncio.start_unix_server(handle, root + "/relay.sock")).serve_forever()

    asyncio.run(main())
    """

  /// Runs `body` beside it.
  public static func with<Result: Sendable>(
    _ engine: DockerEngine, _ body: @Sendable (EngineRelay) async throws -> Result
  ) async throws -> Result {
    try await withTemporaryDirectory { root in
      let socket = engine.environment["DOCKER_HOST"]?.dropFirst("unix://".count) ?? ""
      return try await Programs.running("/usr/bin/python3", ["-c", script, root, String(socket)]) { _ in
        try await waitUntil("the relay to be there") { try FileSystem.status("\(root)/relay.sock") != nil }
        return try await body(EngineRelay(root: root))
      }
    }
  }

  /// From now on; nil: everything is passed on again.
  public func fail(_ fault: Fault?) throws {
    try AtomicFile.write(Array((fault?.rawValue ?? "").utf8), to: "\(root)/fault")
  }
}
