import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// One secret in a file of its own, which nobody but its owner may read.
public struct SecretFile: Sendable {
  /// Fewer bytes than this are refused.
  public static let least = 32

  public let path: String
  /// What comes of removing it, for hints: `sessions end`.
  private let consequence: String

  public init(_ path: String, consequence: String) {
    self.path = path
    self.consequence = consequence
  }

  /// The secret, without the newline at its end. Created first when the file is missing: then it is on the device when
  /// this returns, and of two processes that create it at once, both return the one that won.
  /// - Throws: `secret.invalid` for what others may read, what is too short, or no file; `io.*`.
  public func content() throws -> [UInt8] {
    if let found = try read() { return found }
    let digits = Hex.text((0..<32).map { _ in UInt8.random(in: .min ... .max) })
    do {
      try AtomicFile.write(Array("\(digits)\n".utf8), to: path, replacing: false)
    } catch let error as GoudError where error.code == .archiveExists {
      // Another process was quicker; its secret counts.
    }
    guard let created = try read() else { throw invalid("vanished while it was being created", hint: nil) }
    return created
  }

  /// nil when there is no such file.
  private func read() throws -> [UInt8]? {
    let file: Descriptor
    do {
      // Without O_NONBLOCK, a pipe of that name would be waited for.
      file = try Descriptor.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    } catch let error as GoudError where error.systemErrno == ENOENT {
      return nil
    } catch let error as GoudError where error.systemErrno == ELOOP {
      throw invalid("is a symbolic link", hint: "put the file itself there")
    }
    let status = try file.status()
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw invalid("is not a regular file", hint: "move it away; a new one is made")
    }
    guard status.st_mode & 0o077 == 0 else {
      throw invalid(
        "may be read or written by others (mode \(String(status.st_mode & 0o777, radix: 8)))",
        hint: "chmod 600 \(path); if others may have read it, remove it: a new one is made, and \(consequence)")
    }
    var secret = try file.readAll(limit: 4096)
    while let last = secret.last, last == 10 || last == 13 { secret.removeLast() }
    guard secret.count >= Self.least else {
      throw invalid(
        "holds \(secret.count) bytes; a secret has at least \(Self.least)",
        hint: "remove it: a new one is made, and \(consequence)")
    }
    return secret
  }

  private func invalid(_ what: String, hint: String?) -> GoudError {
    GoudError(.secretInvalid, "\(path) \(what)", hint: hint, context: ["path": path])
  }
}
