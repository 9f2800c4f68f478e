import Foundation
public import Minisign

/// Vouches for archives: signs `<archive>.sha256`, which names the archive and holds its digest, and so everything in it.
public struct ArchiveSigner: Sendable {
  public let key: SigningKey
  private let statement: ArchiveStatement

  public init(_ key: SigningKey, for metadata: BackupMetadata) {
    self.key = key
    statement = ArchiveStatement(metadata)
  }

  /// What `<archive>.sha256.minisig` holds. The same for the same content.
  /// - Parameter checksum: what `<archive>.sha256` holds.
  public func signature(of checksum: [UInt8]) -> [UInt8] { key.sign(checksum, comment: statement.comment).file }
}

/// What a signer says of an archive in the signed (trusted) comment: words `name:value`, separated by spaces.
///
/// | word | value |
/// |---|---|
/// | `chain` | the hash of the genesis block, 64 hexadecimal digits; absent when no volume holds a chain |
/// | `environment` | as in the metadata |
/// | `taken` | the metadata's time, RFC 3339, UTC |
///
/// Other words say nothing: whoever signs with minisign itself may leave all of them out.
public struct ArchiveStatement: Sendable, Equatable, Codable {
  public let chain: String?
  public let environment: String?
  public let taken: String?

  init(_ metadata: BackupMetadata) {
    let chains = Set(metadata.volumes.compactMap(\.chain?.id))
    chain = chains.count == 1 ? chains.first : nil
    environment = metadata.environment
    taken = metadata.timestamp.formatted(.iso8601)
  }

  /// - Returns: nil when a word is said twice.
  init?(comment: String) {
    var words: [Substring: String] = [:]
    for word in comment.split(whereSeparator: { $0 == " " || $0 == "\t" }) {
      guard let colon = word.firstIndex(of: ":") else { continue }
      let value = String(word[word.index(after: colon)...])
      guard words.updateValue(value, forKey: word[..<colon]) == nil else { return nil }
    }
    (chain, environment, taken) = (words["chain"], words["environment"], words["taken"])
  }

  var comment: String {
    let words = [("environment", environment), ("taken", taken), ("chain", chain)]
    return (["goud backup"] + words.compactMap { name, value in value.map { "\(name):\($0)" } }).joined(separator: " ")
  }

  /// What of this the metadata says otherwise; nil: nothing.
  func contradiction(_ metadata: BackupMetadata) -> String? {
    let found = ArchiveStatement(metadata)
    let pairs = [
      ("environment", environment, found.environment), ("time", taken, found.taken), ("chain", chain, found.chain),
    ]
    return pairs.first { $0.1 != nil && $0.1 != $0.2 }?.0
  }
}
