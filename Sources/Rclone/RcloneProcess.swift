import Foundation
import GoudCore
import Subprocess

#if canImport(Glibc)
  import Glibc
#endif
#if canImport(System)
  import System
#else
  import SystemPackage
#endif

/// One `rclone rcd`, which lives as long as this: on a port of 127.0.0.1, behind a password of its own.
///
/// It ends with this process however that ends: a shell beside it waits on a pipe that only this process holds. Ended,
/// rclone gives up the uploads under way, so that no parts of them stay in the bucket. The password goes by the
/// environment, and credentials of the store stay where rclone looks for them: none is on a command line.
final class RcloneProcess: Sendable {
  /// `http://127.0.0.1:PORT`
  let url: String
  let authorization: String
  private let life: Descriptor

  private static let script = """
    command -v rclone >/dev/null || { echo 'rclone: not found' >&2; exit 127; }
    rclone rcd --rc-addr 127.0.0.1:0 --rc-serve </dev/null & child=$!
    exec 2>/dev/null
    read -r _
    kill $child
    wait $child
    """

  /// - Parameter settings: variables for rclone beside those of this process; nil removes one.
  /// - Throws: `blob.rclone-missing`.
  init(_ settings: [String: String?]) throws {
    let password = Self.random()
    let (input, life) = try Descriptor.pipe()
    let (errors, output) = try Descriptor.pipe()
    self.life = life
    authorization = "Basic " + Data("goud:\(password)".utf8).base64EncodedString()
    var settings = settings
    settings["RCLONE_RC_USER"] = "goud"
    settings["RCLONE_RC_PASS"] = password
    Self.start(settings, input: input, errors: output)
    url = try Self.address(errors)
    // rclone must never wait for a reader of what it says.
    Thread.detachNewThread {
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 1)
      defer { buffer.deallocate() }
      while Glibc.read(errors.fd, buffer.baseAddress, buffer.count) > 0 {}
    }
  }

  private static func start(_ settings: [String: String?], input: Descriptor, errors: Descriptor) {
    let overrides = [Environment.Key: String?](
      uniqueKeysWithValues: settings.map { (Environment.Key(stringLiteral: $0.key), $0.value) })
    let (input, errors) = (FileDescriptor(rawValue: dup(input.fd)), FileDescriptor(rawValue: dup(errors.fd)))
    Task.detached {
      var platform = PlatformOptions()
      // An interrupt from the terminal is for goud, which ends rclone in its own time.
      platform.createSession = true
      _ = try? await Subprocess.run(
        .path("/bin/sh"), arguments: ["-c", script], environment: .inherit.updating(overrides),
        platformOptions: platform, input: .fileDescriptor(input, closeAfterSpawningProcess: true), output: .discarded,
        error: .fileDescriptor(errors, closeAfterSpawningProcess: true))
    }
  }

  /// Reads what rclone says until it names its address.
  private static func address(_ errors: Descriptor) throws -> String {
    var text = ""
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 1)
    defer { buffer.deallocate() }
    while true {
      let count = Glibc.read(errors.fd, buffer.baseAddress, buffer.count)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { break }
      text += String(decoding: buffer[..<count], as: UTF8.self)
      if let start = text.range(of: "http://127.0.0.1:"), let end = text[start.upperBound...].firstIndex(of: "/") {
        return String(text[start.lowerBound..<end])
      }
    }
    throw GoudError(
      .blobToolMissing, "rclone did not start: \(text.split(separator: "\n").last ?? "it said nothing")",
      hint: "apt-get install rclone; it carries backups to and from buckets")
  }

  private static func random() -> String {
    var generator = SystemRandomNumberGenerator()
    return (0..<4).map { _ in String(generator.next() as UInt64, radix: 36) }.joined()
  }
}
