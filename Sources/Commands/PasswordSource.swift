import Foundation
import GoudCore
import Subprocess
import SystemPackage

/// Where the password of a repository comes from. Never a command line, which everybody on the machine can read.
enum PasswordSource: Equatable {
  case file(String)
  case command(String)
  case text(String)

  /// The first of: flags, `GOUD_PASSWORD_FILE`, `RESTIC_PASSWORD_FILE`, `RESTIC_PASSWORD`, `RESTIC_PASSWORD_COMMAND`.
  static func choose(file: String?, command: String?, _ variables: [String: String]) throws -> PasswordSource {
    if let file { return .file(file) }
    if let command { return .command(command) }
    if let path = (variables["GOUD_PASSWORD_FILE"] ?? variables["RESTIC_PASSWORD_FILE"]), !path.isEmpty {
      return .file(path)
    }
    if let text = variables["RESTIC_PASSWORD"] { return .text(text) }
    if let command = variables["RESTIC_PASSWORD_COMMAND"], !command.isEmpty { return .command(command) }
    throw GoudError(
      .usage, "the repository needs a password", hint: "pass --password-file, or set GOUD_PASSWORD_FILE")
  }

  /// - Throws: `secret.invalid` for one that is not there, empty, or no text; what else keeps the file from being read.
  func password() throws -> String {
    let (text, origin) =
      switch self {
      case .file(let path): (try Self.text(of: Self.read(path), path), path)
      case .command(let command): (try Self.text(of: Self.output(of: command), "the command"), "the command")
      case .text(let text): (text, "RESTIC_PASSWORD")
      }
    guard !text.isEmpty else {
      throw GoudError(.secretInvalid, "\(origin) holds no password", hint: "a password has one character at least")
    }
    return text
  }

  /// Much more than any password has.
  private static let limit = 1 << 16

  /// White space at both ends is none of it, nor is the mark that some editors put in front of UTF-8: as stock restic reads
  /// it.
  private static func text(of bytes: [UInt8], _ origin: String) throws -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw GoudError(.secretInvalid, "\(origin) holds no text", hint: "a password is UTF-8")
    }
    let mark: Unicode.Scalar = "\u{feff}"
    let rest = text.unicodeScalars.first == mark ? String(text.unicodeScalars.dropFirst()) : text
    return rest.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// A file, or a pipe: `<(a command)`.
  private static func read(_ path: String) throws -> [UInt8] {
    var bytes: [UInt8] = []
    do {
      let file = try Descriptor.open(path, O_RDONLY)
      if try file.isEverybodys() {
        Output.note(Output.printable("everybody on this machine can read \(path): chmod 600 it"))
      }
      try withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
        while let piece = try file.readPiece(buffer) {
          bytes += piece
          guard bytes.count <= limit else {
            throw GoudError(
              .secretInvalid, "\(path) holds more than \(ByteCount(limit))", hint: "see that it is the password's file")
          }
        }
      }
    } catch let error as GoudError where [ENOENT, ENOTDIR, EISDIR, ENXIO].contains(error.systemErrno ?? 0) {
      throw GoudError(
        .secretInvalid, "the password is to be in \(path), which is no file",
        hint: "write it there, or name its file with --password-file or GOUD_PASSWORD_FILE", context: ["path": path],
        cause: error)
    }
    return bytes
  }

  private static func output(of command: String) throws -> [UInt8] {
    let result = try Awaiting.result(
      of: {
        try await Subprocess.run(
          .name("sh"), arguments: ["-c", command], output: .bytes(limit: limit),
          error: .fileDescriptor(.standardError, closeAfterSpawningProcess: false))
      }, Signals.cancellation)
    guard result.terminationStatus.isSuccess else {
      throw GoudError(
        .secretInvalid, "the command for the password failed: \(result.terminationStatus)",
        hint: "run it by hand: \(command)")
    }
    return result.standardOutput
  }
}
