import Foundation
import TestSupport
import Testing

/// A pair of keys, made by the real age.
struct AgeKeys {
  let recipient: String
  let identity: String

  init(in directory: String, _ name: String) async throws {
    identity = "\(directory)/\(name).key"
    let made = try await Programs.run("age-keygen", ["-o", identity])
    let shown = try await Programs.run("age-keygen", ["-y", identity])
    try #require(made.status == 0 && shown.status == 0, "\(made.errors)")
    recipient = shown.output.trimmingCharacters(in: .whitespacesAndNewlines)
  }
}
