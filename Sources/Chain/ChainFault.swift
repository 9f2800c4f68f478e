public import GoudCore

/// A block that breaks a rule of docs/chain.md: which rule, at what height.
public struct ChainFault: Error, Hashable, Sendable, CustomStringConvertible {
  /// Stable names; they travel in errors and messages.
  public enum Kind: String, Sendable, CaseIterable {
    /// Not an encoded block, or a field of the wrong length.
    case malformed
    /// Larger than a limit allows.
    case tooLarge = "too-large"
    /// Not the height that follows.
    case height
    /// Does not name the hash of the block before it.
    case previous
    /// Of an epoch before that of the block before it.
    case epoch
    /// Earlier than the block before it.
    case time
    /// The root is not that of the entries.
    case merkleRoot = "merkle-root"
    /// Not made by the authority.
    case producer
    /// The signature does not fit the hash and the producer.
    case signature
    /// An entry that cannot be read, or does not belong there.
    case entry
    /// Block 0 is not a genesis block.
    case genesis
    /// Not there, or something else in its place.
    case missing
    /// Not what the ledger says its head is.
    case head
    /// What finds entries does not fit them.
    case index
  }

  public let kind: Kind
  /// nil when not even the height could be read.
  public let height: UInt64?
  /// Lower case, no full stop, without the height.
  public let message: String

  public init(_ kind: Kind, at height: UInt64?, _ message: String) {
    self.kind = kind
    self.height = height
    self.message = message
  }

  public var description: String { height.map { "block \($0): \(message)" } ?? "a block: \(message)" }

  /// The same as `chain.invalid`.
  public var error: GoudError {
    var context = ["fault": kind.rawValue]
    context["height"] = height.map { "\($0)" }
    return GoudError(.chainInvalid, description, context: context, cause: self)
  }
}
