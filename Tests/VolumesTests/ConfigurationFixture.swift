import Foundation
import GoudCore
import TestSupport
import Testing

@testable import Volumes

/// A `config/` directory of a test's own, and what the process is started with.
struct ConfigurationFixture {
  let root: String
  var context: ConfigurationContext

  init(
    _ root: String, constants: String = "", environments: [String: String] = ["local": ""],
    variables: [String: String] = [:]
  ) throws {
    self.root = root
    context = ConfigurationContext(variables: variables, workingDirectory: root)
    try Self.write(constants, to: "\(root)/config/base/constants.env")
    for (name, text) in environments { try Self.write(text, to: "\(root)/config/environments/\(name)/overrides.env") }
  }

  static func write(_ text: String, to path: String) throws {
    try FileManager.default.createDirectory(
      atPath: FileSystem.parent(of: path), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
  }

  func load(_ flags: [ConfigurationKey: String] = [:]) throws -> GoudConfiguration {
    try GoudConfiguration.load(flags: flags, context: context)
  }
}

/// Runs `body`, expects it to fail with `code`, and returns the error for a closer look.
@discardableResult
func expectFailure(
  _ code: ErrorCode, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> some Any
) -> GoudError? {
  let error = #expect(throws: GoudError.self, sourceLocation: sourceLocation) { _ = try body() }
  #expect(error?.code == code, sourceLocation: sourceLocation)
  return error
}
