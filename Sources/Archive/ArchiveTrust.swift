public import GoudCore
import Layout
public import Minisign

/// What is known of an archive's signature.
public struct ArchiveSignature: Sendable, Equatable, Codable {
  public enum State: String, Sendable, Codable {
    /// There is none.
    case none
    /// Of a key that nobody here has called trusted: not checked.
    case unknown
    /// Of a trusted key, and over this archive's checksum.
    case trusted
    /// It cannot be read, or a trusted key did not sign this checksum; `fault` says which.
    case invalid
  }

  public let state: State
  /// The id of the key, as minisign shows it; nil when there is none to be read.
  public let key: String?
  /// What the signer says; of a trusted one only.
  public let statement: ArchiveStatement?
  public let fault: String?

  public static let none = ArchiveSignature(state: .none, key: nil, statement: nil, fault: nil)

  /// - Parameters:
  ///   - archive: its path or its name.
  ///   - checksum: what `<archive>.sha256` holds; nil: there is none.
  ///   - signature: what `<archive>.sha256.minisig` holds.
  public init(of archive: String, checksum: [UInt8]?, signature: [UInt8]?, keys: [VerifyingKey]) {
    guard let signature else {
      self = .none
      return
    }
    guard let read = Signature(file: signature) else {
      self.init(.invalid, nil, fault: "it is cut, garbled, or no signature of minisign")
      return
    }
    guard let checksum else {
      self.init(.invalid, read.key, fault: "the checksum that it is of is missing")
      return
    }
    let known = keys.filter { $0.id == read.key }
    guard !known.isEmpty else {
      self.init(.unknown, read.key)
      return
    }
    guard let comment = known.lazy.compactMap({ read.comment(of: checksum, by: $0) }).first else {
      self.init(.invalid, read.key, fault: "it is not of this checksum")
      return
    }
    guard (try? Sidecar.read(checksum, for: archive)) != nil else {
      self.init(.invalid, read.key, fault: "what is signed is the checksum of another archive")
      return
    }
    guard let statement = ArchiveStatement(comment: comment) else {
      self.init(.invalid, read.key, fault: "its signed comment says one thing twice")
      return
    }
    self.init(.trusted, read.key, statement: statement)
  }

  private init(_ state: State, _ key: KeyID?, statement: ArchiveStatement? = nil, fault: String? = nil) {
    self.init(state: state, key: key?.description, statement: statement, fault: fault)
  }

  private init(state: State, key: String?, statement: ArchiveStatement?, fault: String?) {
    (self.state, self.key, self.statement, self.fault) = (state, key, statement, fault)
  }

  /// `signed by 43B40FD5C5C9C51A`, and whether that counts here.
  public var summary: String {
    switch state {
    case .none: "not signed"
    case .unknown: "signed by \(key ?? "?"), which is not among the trusted keys: not checked"
    case .trusted:
      "signed by \(key ?? "?"), which is trusted" + (statement?.chain.map { "; chain \($0.prefix(12))" } ?? "")
    case .invalid: "its signature is not good: \(fault ?? "")"
    }
  }
}

/// What an archive must show before anything of it is put in place.
public struct ArchiveTrust: Sendable {
  /// One of them must have signed it; empty: none need have.
  public var keys: [VerifyingKey]
  /// The chain that it must hold, 64 hexadecimal digits; nil: any, or none.
  public var chain: String?

  public init(keys: [VerifyingKey] = [], chain: String? = nil) {
    self.keys = keys
    self.chain = chain
  }

  /// Nothing is asked.
  public static let anything = ArchiveTrust()

  public var asksForNothing: Bool { keys.isEmpty && chain == nil }

  /// - Returns: what is known of the signature, and the checksum that it vouches for: compare the archive with that, not
  ///   with what lies beside it later.
  /// - Throws: `archive.untrusted`; what reading the two files throws. Nothing else is read.
  public func require(_ archive: String, _ bytes: any ArchiveBytes) throws -> (ArchiveSignature, checksum: [UInt8]?) {
    let checksum = try bytes.checksum()
    let signature = ArchiveSignature(
      of: archive, checksum: checksum, signature: try bytes.signature(), keys: keys)
    guard !asksForNothing else { return (signature, nil) }
    switch signature.state {
    case .trusted: break
    case .invalid:
      throw untrusted(archive, signature.summary, hint: "fetch it and what lies beside it again, or use another backup")
    case .none where !keys.isEmpty, .unknown where !keys.isEmpty:
      throw untrusted(
        archive, signature.summary,
        hint: "name the key that made it with --trust (TRUSTED_KEYS), or pass --trust-anything to do without")
    case .none, .unknown: return (signature, nil)
    }
    if let chain, let said = signature.statement?.chain, said != chain {
      throw Self.foreign(archive, said, expected: chain)
    }
    return (signature, checksum)
  }

  /// What an archive says of itself, held against what its signer says.
  /// - Throws: `archive.untrusted`.
  public func require(_ metadata: BackupMetadata, of archive: String, as signature: ArchiveSignature) throws {
    guard signature.state == .trusted, let said = signature.statement?.contradiction(metadata) else { return }
    throw untrusted(
      archive, "its metadata was changed after it was signed: the \(said) is another one",
      hint: "fetch it again, or use another backup")
  }

  private func untrusted(_ archive: String, _ why: String, hint: String) -> GoudError {
    GoudError(.archiveUntrusted, "\(archive) is not trusted: \(why)", hint: hint, context: ["path": archive])
  }

  /// - Parameter found: nil: no chain at all.
  public static func foreign(_ what: String, _ found: String?, expected: String) -> GoudError {
    let holds = found.map { "belongs to chain \($0.prefix(12))" } ?? "holds no chain"
    return GoudError(
      .archiveUntrusted, "\(what) is not trusted: it \(holds), and --chain asks for \(expected.prefix(12))",
      hint: "name a backup of that chain, or its own with --chain",
      context: ["expected": expected, "chain": found ?? ""])
  }
}
