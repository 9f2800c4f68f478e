import Archive
import Backup
import Chain
import Foundation
import GoudCore
import Volumes

/// The chains of what a restore has built, before any of it is swapped in: proven, brought to one head where the whole
/// network begins anew, cut where the user says so, and marked with their standing.
struct StagedChains {
  struct Item {
    let step: RestorePlan.Step
    /// The volume's root, where it is built.
    let root: String
    let ledger: LedgerProof
    var verified: VerifiedLedger
  }

  private let request: RestoreRequest
  /// What every volume must hold; nil: any chain, or none.
  private let chain: String?
  /// Whether the chains may have gone on since the backup's metadata was written.
  private let growing: Bool
  private let cancellation: Cancellation
  private let progress: any ProgressSink
  private(set) var items: [Item] = []

  init(
    _ request: RestoreRequest, expecting chain: String?, growing: Bool, _ cancellation: Cancellation,
    _ progress: any ProgressSink
  ) {
    self.request = request
    self.chain = chain
    self.growing = growing
    self.cancellation = cancellation
    self.progress = progress
  }

  /// Proves every ledger of a volume; the first one is the node's. What was built is held against what is present.
  /// - Parameter identities: of the databases that were built, by path.
  /// - Throws: `chain.invalid`, `chain.newer-schema`, `restore.foreign-chain`, `restore.foreign-volume`,
  ///   `archive.untrusted`, `database.corrupt`.
  mutating func prove(_ step: RestorePlan.Step, at root: String, identities: [String: String]) throws {
    let found = try LedgerProof.find(in: root, of: step.volume)
    guard let first = found.first else {
      guard step.chain == nil else {
        throw GoudError(
          .chainInvalid, "\(step.volume) holds no ledger, and the backup says it does",
          hint: "do not trust this backup; use another one", context: ["fault": "missing"])
      }
      try step.refuse(expecting: chain, found: nil)
      return try step.refuseForeign(identities, chain: nil, request)
    }
    let verified = try first.check(against: step.chain, growing: growing, cancellation, progress)
    try step.refuse(expecting: chain, found: verified.chain.hex)
    for other in found.dropFirst() { _ = try other.check(against: nil, cancellation, progress) }
    try step.refuseForeign(identities, chain: verified.chain.hex, request)
    items.append(Item(step: step, root: root, ledger: first, verified: verified))
  }

  /// Settles what the chains are to the network, and writes it down beside them.
  /// - Throws: `chain.invalid`, `chain.foreign` when the volumes do not hold one chain; what `NetworkEffect` throws.
  mutating func settle() throws -> RestoredChains {
    let effect = try NetworkEffect(
      items.map { ($0.step.volume, BackupMetadata.Chain($0.verified)) }, request)
    guard let effect else { return RestoredChains() }
    try LedgerProof.refuseDisagreement(items.map(\.ledger))
    if effect.begins {
      let changed = try ChainLevel(items.map(\.ledger), cancellation, progress)
        .run(heads: items.map(\.verified.head), height: request.height)
      for index in items.indices where changed.contains(index) {
        items[index].verified = try items[index].ledger.check(against: nil, cancellation, progress)
      }
    }
    try mark(effect)
    return RestoredChains(
      heads: Dictionary(
        uniqueKeysWithValues: items.map { ($0.step.volume, $0.verified) }),
      network: effect)
  }

  /// All members of one new beginning; or each on its own, to rejoin.
  private func mark(_ effect: NetworkEffect) throws {
    let standing =
      effect.begins
      ? VolumeStanding(.member, beginning: VolumeStanding.newBeginning(), reason: request.reason)
      : VolumeStanding(.rejoining, reason: request.reason)
    for item in items { try StandingMark.write(standing, in: item.root, over: item.step.place.path) }
  }
}

/// What a restore made of the chains it restored.
struct RestoredChains {
  /// By volume name; none for volumes that hold no chain.
  var heads: [String: VerifiedLedger] = [:]
  /// nil when there is no chain at all.
  var network: NetworkEffect?
}
