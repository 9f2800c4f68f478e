import Archive
import ArgumentParser
import Foundation
import GoudCore
import Layout
import Minisign
import Runtime
import Volumes

#if canImport(Glibc)
  import Glibc
#endif

/// `--sign`, of what makes archives.
struct SignOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Sign the archive: with a secret key of minisign -G, a validator_key, or authority: that of the network's authority.",
      valueName: "key"))
  var sign: String?
  @Option(
    help: ArgumentHelp(
      "Read the password of that key from a file (its first line), instead of from the terminal.", valueName: "file"))
  var signPassword: String?

  func validate() throws {
    if signPassword != nil && sign == nil { throw ValidationError("--sign-password is for --sign") }
  }

  /// - Returns: nil without `--sign`.
  /// - Throws: `signing.invalid-key`, `network.not-founded`, `io.…`.
  /// - Parameter unattended: whether nobody is asked for the password.
  func key(_ configuration: GoudConfiguration, unattended: Bool = false) throws -> SigningKey? {
    try sign.map { try SigningKey(named: $0, password: signPassword, configuration, unattended: unattended) }
  }

  /// The same options, for another run of goud, in another directory and with no terminal.
  func arguments(_ configuration: GoudConfiguration) throws -> [String] {
    guard let sign else { return [] }
    // What could not be read now could not be read then.
    _ = try key(configuration, unattended: true)
    let here = FileManager.default.currentDirectoryPath
    return ["--sign", sign == SigningKey.authority ? sign : sign.absolute(from: here)]
      + (signPassword.map { ["--sign-password", $0.absolute(from: here)] } ?? [])
  }

}

extension SigningKey {
  /// Names the network's authority in the place of a file.
  static let authority = "authority"

  /// - Parameters:
  ///   - word: a file, or `authority`.
  ///   - password: the file that the key's password is in; nil: it is asked for at the terminal.
  ///   - unattended: whether nobody is there to be asked.
  init(
    named word: String, password: String?, _ configuration: GoudConfiguration, unattended: Bool = false
  ) throws {
    let path = word == Self.authority ? try NetworkHome(configuration).authorityKey() : word
    try self.init(path: path) {
      try password.map { try Self.firstLine(of: $0) } ?? Self.askPassword(of: path, unattended)
    }
  }

  private static func askPassword(of path: String, _ unattended: Bool) throws -> [UInt8] {
    guard !unattended, isatty(STDIN_FILENO) == 1, let text = getpass("password of \(path): ") else {
      throw GoudError(
        .signingKeyInvalid, "it is protected by a password, and nobody is there to give it",
        hint: "pass --sign-password FILE; FILE may be <(a command)")
    }
    defer { explicit_bzero(text, strlen(text)) }
    return Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
  }

  /// Of a file or a pipe; 4096 bytes of it at most.
  private static func firstLine(of path: String) throws -> [UInt8] {
    let file = try Descriptor.open(path, O_RDONLY)
    var line: [UInt8] = []
    try withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
      while line.count < 4096, !line.contains(10), let piece = try file.readPiece(buffer) { line += piece }
    }
    return Array(line.prefix { $0 != 10 })
  }
}

/// `--trust`, of what looks at archives.
struct TrustedKeyOptions: ParsableArguments {
  @Option(
    name: .long, parsing: .singleValue,
    help: ArgumentHelp(
      "A public key of minisign (RW…), or a file with one; repeat. Default: TRUSTED_KEYS.", valueName: "key"))
  var trust: [String] = []

  func keys(_ configuration: GoudConfiguration) throws -> [VerifyingKey] {
    try trust.isEmpty ? configuration.trustedKeys() : trust.map { try VerifyingKey($0) }
  }
}

/// `--trust`, `--chain` and `--trust-anything`, of what puts archives in place.
struct TrustOptions: ParsableArguments {
  @OptionGroup var keys: TrustedKeyOptions
  @Option(
    help: ArgumentHelp("Only what holds this chain, proven block by block; its whole id.", valueName: "id"))
  var chain: String?
  @Flag(help: "Also what no trusted key has signed, whatever TRUSTED_KEYS says.") var trustAnything = false

  var isGiven: Bool { !keys.trust.isEmpty || chain != nil || trustAnything }

  func validate() throws {
    if trustAnything, !keys.trust.isEmpty || chain != nil {
      throw ValidationError("--trust-anything is for doing without --trust and --chain")
    }
    if let chain, chain.utf8.count != 64 || Hex.bytes(chain) == nil {
      throw ValidationError("--chain is the whole id of a chain: 64 hexadecimal digits")
    }
  }

  func required(_ configuration: GoudConfiguration) throws -> ArchiveTrust {
    trustAnything ? .anything : ArchiveTrust(keys: try keys.keys(configuration), chain: chain)
  }
}
