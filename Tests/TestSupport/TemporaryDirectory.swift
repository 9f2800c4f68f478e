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

/// Waits until `condition` holds; fails the test after five minutes, as hundreds of tests may share two processors. It is
/// asked often at first, so that short moments are seen, and later seldom, so that who waits leaves those to the others.
public func waitUntil(_ what: String, _ condition: () async throws -> Bool) async throws {
  let begin = ContinuousClock.now
  while try await !condition() {
    let waited = ContinuousClock.now - begin
    guard waited < .seconds(300) else { throw TestFailure("waited five minutes for \(what)") }
    try await Task.sleep(for: .milliseconds(waited < .seconds(5) ? 2 : 10))
  }
}

public struct TestFailure: Error, CustomStringConvertible {
  public let description: String

  public init(_ description: String) { self.description = description }
}
