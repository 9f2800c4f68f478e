import Foundation
import TestSupport
import Testing

/// A pair of keys, made by the real minisign.
struct MinisignKeys {
  let secret: String
  /// The file, and the line in it.
  let open: String
  let base64: String
  /// As minisign shows it.
  let id: String

  /// - Parameter password: nil: the key is not protected.
  init(in directory: String, _ name: String, password: String? = nil) async throws {
    secret = "\(directory)/\(name).key"
    open = "\(directory)/\(name).pub"
    let script = "printf '%s\\n%s\\n' \"$4\" \"$4\" | minisign -G -f $1 -s \"$2\" -p \"$3\""
    let made = try await Programs.run(
      "sh", ["-c", script, "sh", password == nil ? "-W" : "", secret, open, password ?? ""])
    try #require(made.status == 0, "\(made.errors)")
    let lines = try String(contentsOfFile: open, encoding: .utf8).split(separator: "\n")
    base64 = String(try #require(lines.last))
    id = String(try #require(lines.first?.split(separator: " ").last))
  }

  /// Whether stock minisign takes a file for signed.
  func accepts(_ file: String) async throws -> Finished {
    try await Programs.run("minisign", ["-V", "-m", file, "-P", base64])
  }

  /// Signs a file with stock minisign.
  func sign(_ file: String, _ arguments: String...) async throws {
    let signed = try await Programs.run("minisign", ["-S", "-m", file, "-s", secret] + arguments)
    try #require(signed.status == 0, "\(signed.errors)")
  }
}
