import Chain
import GoudCore

/// Why a node's engine has stopped for good, until its ledger is opened anew.
struct NodeFailure: Sendable {
  enum Kind: Sendable {
    /// What is on disk is damaged; only a repair helps.
    case corrupt
    /// The disk is full, or does not answer: what was being written may or may not be there.
    case disk
    /// A block of the authority breaks a rule that holds it against the whole chain.
    case chain
  }

  let kind: Kind
  let error: GoudError

  init(_ error: any Error) {
    switch error {
    case let error as GoudError where error.code == .databaseCorrupt:
      kind = .corrupt
      self.error = error
    case let error as GoudError:
      kind = .disk
      self.error = error
    case let fault as ChainFault:
      kind = .chain
      self.error = fault.error
    default:
      kind = .disk
      self.error = GoudError(.databaseFailed, "\(error)".firstLine, cause: error)
    }
  }

  /// What everybody is told who wants something of this node.
  var refusal: GoudError {
    switch kind {
    case .corrupt: error
    case .disk, .chain:
      GoudError(.nodeNotReady, error.message, hint: error.hint ?? "see the node's log", cause: error)
    }
  }
}
