import Foundation
import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// Runs `body` with a directory of its own, removed afterwards whatever happens.
// swift-format-ignore: AmbiguousTrailingClosureOverload
public func withTemporaryDirectory<Result>(_ body: (String) async throws -> Result) async throws -> Result {
  let path = try makeTemporaryDirectory()
  defer { try? FileManager.default.removeItem(atPath: path) }
  return try await body(path)
}

/// The same for tests that do not wait.
public func inTemporaryDirectory<Result>(_ body: (String) throws -> Result) throws -> Result {
  let path = try makeTemporaryDirectory()
  defer { try? FileManager.default.removeItem(atPath: path) }
  return try body(path)
}

private func makeTemporaryDirectory() throws -> String {
  let parent = FileSystem.realPath(ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp") ?? "/tmp"
  var template = Array("\(parent)/goud-test-XXXXXX".utf8CString)
  guard mkdtemp(&template) != nil else { throw GoudError.system("create a directory in", parent) }
  return template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
}

/// Waits until `condition` holds; fails the test after a minute.
public func waitUntil(_ what: String, _ condition: () async throws -> Bool) async throws {
  let deadline = ContinuousClock.now + .seconds(60)
  while try await !condition() {
    guard ContinuousClock.now < deadline else { throw TestFailure("waited a minute for \(what)") }
    try await Task.sleep(for: .milliseconds(2))
  }
}

public struct TestFailure: Error, CustomStringConvertible {
  public let description: String

  public init(_ description: String) { self.description = description }
}
