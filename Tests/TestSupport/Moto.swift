import Foundation
import GoudCore

/// A server that answers as Amazon does, for the time of a closure, and Amazon's own tool to ask it.
public struct Moto: Sendable {
  public let port: Int
  private static let tools = Checkout.path(".build-tools/aws")

  public static func with<Result: Sendable>(_ body: @Sendable (Moto) async throws -> Result) async throws -> Result {
    let moto = Moto(port: Int.random(in: 31_000...32_700))
    let script = "PYTHONPATH=$1 exec python3 -m moto.server -H 127.0.0.1 -p $2"
    return try await Programs.running("/bin/sh", ["-c", script, "sh", tools, "\(moto.port)"]) { _ in
      try await moto.answers()
      return try await body(moto)
    }
  }

  /// Where `aws` is, and whom it and others ask: never the real Amazon.
  public var environment: [String: String] {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    return [
      "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
      "AWS_DEFAULT_REGION": "eu-west-1", "AWS_ENDPOINT_URL": "http://127.0.0.1:\(port)", "AWS_PAGER": "",
      "AWS_CA_BUNDLE": "", "PYTHONPATH": Self.tools, "PATH": "\(Self.tools)/bin:\(path)",
    ]
  }

  /// What `aws` prints, as text.
  @discardableResult
  public func aws(_ words: String...) async throws -> String { try await aws(words) }

  public func aws(_ words: [String]) async throws -> String {
    let finished = try await Programs.run("env", ["aws"] + words + ["--output", "text"], environment: environment)
    guard finished.status == 0 else { throw TestFailure("aws \(words): \(finished.errors)") }
    return finished.output.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  private func answers() async throws {
    let deadline = ContinuousClock.now + .seconds(120)
    let url = "http://127.0.0.1:\(port)/moto-api/"
    while try await Programs.run("curl", ["-fs", "-o", "/dev/null", url]).status != 0 {
      guard ContinuousClock.now < deadline else { throw TestFailure("moto does not answer at \(url)") }
      try await Task.sleep(for: .milliseconds(100))
    }
  }
}
