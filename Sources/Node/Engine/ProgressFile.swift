import Chain
import Foundation
import GoudCore
import Layout
import Logging
import Replication
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// A node's `NodeProgress` on disk, in a directory outside of its volume, mode 0600: what the node has told others as a
/// member. While it is rejoining it stays as it was: the volume that knows all of it may still be found.
///
/// `progress.json` is published whole and synced; it has what changes with an epoch. `stored` has the newest block that
/// the disk was counted with: one small write for each sync of the ledger, in place, there when the process is killed;
/// it is on the device within `interval`, should the power fail. Each line counts for the `progress.json` that it names,
/// and only when it is there twice.
final class ProgressFile: Sendable {
  /// Between two syncs of `stored`.
  static let interval = Duration.seconds(1)

  private let name: ProgressName
  private let chain: [UInt8]
  private let stored: Descriptor
  private let state: Mutex<State>
  private let dirty = Atomic<Bool>(false)

  private struct State {
    var progress: NodeProgress
    var edition: UInt64
    var isMember: Bool { progress.standing.standing == .member }
  }

  private init(_ name: ProgressName, chain: [UInt8], progress: NodeProgress, edition: UInt64) throws {
    self.name = name
    self.chain = chain
    stored = try Descriptor.open(name.stored, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
    state = Mutex(State(progress: progress, edition: edition))
  }

  /// Holds a volume against what is known of it, and keeps what it has from now on.
  /// - Parameters:
  ///   - directory: exists; `progress.json` is made when it is missing, or of another chain.
  ///   - state: what the volume says of itself; on return, what of it counts.
  /// - Throws: `volume.invalid-progress` when what is there cannot be understood.
  static func begin(
    in directory: String, chain: ChainStore, state: inout DurableState
  ) throws -> (file: ProgressFile, forgotten: Forgotten?) {
    let name = ProgressName(in: directory)
    let id = chain.ledger.chain.bytes
    let record = try Record.read(name).flatMap { $0.chain == Hex.text(id) ? $0 : nil }
    var known = try record?.progress(name)
    if let mark = try record.flatMap({ try StoredMark.read(name, edition: $0.edition) }) { known?.stored = mark }
    let begun = NodeProgress.begin(state, chain, known: known)
    if let fault = chain.fault { throw fault }
    state = begun.state
    let file = try ProgressFile(name, chain: id, progress: begun.progress, edition: record?.edition ?? 0)
    try file.publish { _ in }
    return (file, begun.forgotten)
  }

  /// The highest serial that is known.
  var serial: UInt64 { state.withLock { $0.progress.serial } }

  /// On the device when it returns.
  func note(_ promise: Epoch) throws { try publish { $0.promise = promise } }

  /// On the device when it returns.
  func note(_ standing: StandingRecord, serial: UInt64) throws {
    try publish { ($0.standing, $0.serial) = (standing, serial) }
  }

  /// Before what is above `block` is taken back. On the device when it returns.
  func goBack(to block: BlockID) throws {
    guard state.withLock({ $0.progress.stored.height > block.height }) else { return }
    try publish { $0.stored = block }
  }

  /// Everything up to `block` is on the volume's device.
  func note(stored block: BlockID) throws {
    let edition = state.withLock {
      $0.progress.stored = block
      return $0.isMember ? $0.edition : nil
    }
    guard let edition else { return }
    try StoredMark.write(block, edition: edition, to: stored)
    dirty.store(true, ordering: .releasing)
  }

  /// Has the device take what was noted since the last time. Waits for it.
  func synchronize() throws {
    guard dirty.exchange(false, ordering: .acquiringAndReleasing) else { return }
    try stored.synchronize()
  }

  private func publish(_ change: (inout NodeProgress) -> Void) throws {
    let record: Record? = state.withLock {
      change(&$0.progress)
      guard $0.isMember else { return nil }
      $0.edition &+= 1
      return Record($0.progress, chain: chain, edition: $0.edition)
    }
    guard let record else { return }
    try record.write(name)
    KillPoint.reached("progress is noted")
  }
}

/// Has the device take a node's progress, on a thread of its own, again and again and at the end.
actor ProgressKeeper {
  private nonisolated let executor = ThreadExecutor(name: "goud progress")
  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
  private let progress: ProgressFile?
  private let log: Logger

  init(_ progress: ProgressFile?, _ log: Logger) {
    self.progress = progress
    self.log = log
  }

  func run() async throws {
    defer { synchronize() }
    while true {
      try await Task.sleep(for: ProgressFile.interval)
      synchronize()
    }
  }

  private func synchronize() {
    do {
      try progress?.synchronize()
    } catch {
      log.error("what is known of the volume is not on the device", metadata: ["why": "\(error)"])
    }
  }
}

/// `progress.json`.
private struct Record: Codable {
  struct Numbered: Codable {
    let epoch: UInt64
    let nonce: String

    init(_ epoch: Epoch) { (self.epoch, nonce) = (epoch.number, Hex.text(epoch.nonce)) }
    var value: Epoch? { Hex.bytes(nonce).map { Epoch(number: epoch, nonce: $0) } }
  }

  struct Stored: Codable {
    let height: UInt64
    let epoch: UInt64
    let hash: String
  }

  var format = 1
  let chain: String
  let edition: UInt64
  let serial: UInt64
  let standing: String
  let beginning: String
  let reign: Numbered
  let promise: Numbered
  let stored: Stored

  init(_ progress: NodeProgress, chain: [UInt8], edition: UInt64) {
    self.chain = Hex.text(chain)
    self.edition = edition
    serial = progress.serial
    standing = progress.standing.standing.rawValue
    beginning = Hex.text(progress.standing.beginning)
    reign = Numbered(progress.standing.reign)
    promise = Numbered(progress.promise)
    stored = Stored(
      height: progress.stored.height, epoch: progress.stored.epoch, hash: Hex.text(progress.stored.hash))
  }

  func progress(_ name: ProgressName) throws -> NodeProgress {
    guard let standing = Standing(rawValue: standing), let beginning = Hex.bytes(beginning), let reign = reign.value,
      let promise = promise.value, let hash = Hex.bytes(stored.hash), hash.count == 32
    else { throw Self.fault(name.record) }
    return NodeProgress(
      serial: serial, standing: StandingRecord(standing: standing, beginning: beginning, reign: reign),
      promise: promise, stored: BlockID(height: stored.height, epoch: stored.epoch, hash: hash))
  }

  static func read(_ name: ProgressName) throws -> Record? {
    guard let status = try FileSystem.status(name.record) else { return nil }
    guard status.isRegular,
      let record = try? JSONDecoder().decode(
        Record.self, from: Data(try Descriptor.open(name.record, O_RDONLY | O_NOFOLLOW).readAll(limit: 1 << 16))),
      record.format == 1
    else { throw fault(name.record) }
    return record
  }

  func write(_ name: ProgressName) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    try AtomicFile.write(Array(try encoder.encode(self)) + [10], to: name.record)
  }

  private static func fault(_ path: String) -> GoudError {
    GoudError(
      .volumeProgressInvalid, "\(path) cannot be understood: whether the volume is an old copy cannot be told",
      hint: "put the file back; or remove it and the volume's \(VolumeName.standing), and the node rejoins",
      context: ["path": path])
  }
}

/// `stored`: edition, height, epoch and hash, in two equal lines of one length.
private enum StoredMark {
  static func write(_ block: BlockID, edition: UInt64, to file: Descriptor) throws {
    let line = "\(padded(edition)) \(padded(block.height)) \(padded(block.epoch)) \(Hex.text(block.hash))\n"
    let bytes = Array((line + line).utf8)
    let count = bytes.withUnsafeBytes { pwrite(file.fd, $0.baseAddress, $0.count, 0) }
    guard count == bytes.count else { throw GoudError.system("write", file.path) }
  }

  /// - Returns: nil when there is none for this edition.
  static func read(_ name: ProgressName, edition: UInt64) throws -> BlockID? {
    guard try FileSystem.status(name.stored)?.isRegular == true else { return nil }
    let bytes = try Descriptor.open(name.stored, O_RDONLY | O_NOFOLLOW).readAll(limit: 1 << 12)
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    guard lines.count == 2, lines[0] == lines[1] else { return nil }
    let words = lines[0].split(separator: " ")
    guard words.count == 4, UInt64(words[0]) == edition, let height = UInt64(words[1]), let epoch = UInt64(words[2]),
      let hash = Hex.bytes(words[3]), hash.count == 32
    else { return nil }
    return BlockID(height: height, epoch: epoch, hash: hash)
  }

  private static func padded(_ number: UInt64) -> String {
    let digits = String(number)
    return String(repeating: "0", count: 20 - digits.count) + digits
  }
}
