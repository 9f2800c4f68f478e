public import Foundation
public import GoudCore
public import RocksDB

/// A consistent view of one RocksDB at one moment, held as open descriptors and proven by opening it.
///
/// Takes no lock in the database, writes nothing to it, and needs nothing from the process that writes it.
public struct DatabaseSnapshot: Sendable {
  /// A file that belongs to the view. `content` reads exactly `size` bytes.
  public struct File: Sendable {
    public let name: String
    /// The directory it lay in.
    public let directory: String
    public let size: Int64
    public let content: any ByteSource
    /// As it was when it was opened; gives owner, mode and times.
    public let status: stat
    /// Where RocksDB can open it while the snapshot lives; set for tables.
    let tablePath: String?
    /// Whether there is anything to prove in it: not in what was read from end to end already, and not in an unproven
    /// capture, where files that are still being written cannot be told from those that are live.
    private(set) var needsProof = false
  }

  public let location: DatabaseLocation
  /// Tables and blob files first, then logs, `MANIFEST`, `OPTIONS`, `IDENTITY`, and `CURRENT`, which makes a database
  /// of them, last.
  public let files: [File]
  /// What RocksDB said when it opened the view; nil for an unproven capture.
  public let view: DatabaseView?
  /// Why the view could not be proven; empty for a proven one.
  public let unproven: [String]
  /// The one thing that is not proven of a database whose application orders the keys; empty for any other.
  public let unprovenOrders: [UnprovenOrder]
  public let options: OptionsFile?
  public let optionsName: String?
  /// Content of `IDENTITY`; empty when there is none.
  public let identity: String
  /// Every write that was acknowledged before this moment is in the snapshot.
  public let moment: Date
  /// How many looks it took.
  public let attempts: Int
  let layout: DatabaseLayout
  private let opened: SnapshotView
}

extension DatabaseSnapshot {
  /// Where RocksDB can open the view read-only while the snapshot lives: a directory of links, nothing else.
  public var viewDirectory: String { opened.path }
}

extension DatabaseSnapshot {
  /// Captures the database and opens the view; tries again when it does not open, since only a whole view is a
  /// snapshot. A view that failed three times running is not a matter of timing.
  ///
  /// - Throws: `snapshot.unstable`, `snapshot.unsupported-layout`, `database.corrupt`, `database.unsupported-format`,
  ///   `io.too-many-open-files`.
  public static func take(
    _ location: DatabaseLocation, layout: DatabaseLayout, options: SnapshotOptions
  ) throws -> DatabaseSnapshot {
    let scratch = try Scratch(options)
    let plan = CapturePlan(
      location: location, layout: layout, patience: options.patience, secondLook: options.secondLook,
      pauseBeforeLogs: options.pauseBeforeLogs)
    let deadline = ContinuousClock.now + options.patience
    var tables = HeldTables()
    if options.copiesTables { tables.copies = scratch }
    var logs = LogCapture(scratch: scratch, isAtRest: options.isAtRest)
    var attempts = 0
    var faults = 0
    var faulty: Set<DatabaseFileName> = []
    while true {
      let capture = try DatabaseCapture.take(plan, keeping: &tables, &logs, cancellation: options.cancellation)
      attempts += capture.attempts
      let view = try SnapshotView(of: capture, scratch)
      let file = capture.options.map { OptionsFile(text: String(decoding: $0.bytes, as: UTF8.self)) }
      var proof = try prove(location, capture, view, options: file)
      if let opened = proof.opening?.view {
        try layout.refuseMissingLogs(location, newest: capture.logs.last?.number, oldestLive: opened.oldestLiveLog)
      }
      let live = try capture.tables.live(in: proof.opening?.view, of: location)
      // What is deleted bit by bit while it is held is obsolete by now, and says nothing of the database.
      if try live.contains(where: { try $0.isCut }) {
        if ContinuousClock.now < deadline { continue }
        if proof.opening != nil { throw HeldTables.cut(location.directory) }
      }
      if let fault = proof.fault {
        // Whatever the fault: an OPTIONS newer than the MANIFEST shows as one that cannot be opened here. Files that go
        // from look to look are a checkpoint that is being removed.
        let names = Set(capture.tables.files.keys)
        faults = names == faulty || ContinuousClock.now >= deadline ? faults + 1 : 1
        faulty = names
        if faults < 3 {
          usleep(UInt32(faults) * 50_000)
          continue
        }
        if let rival = capture.tables.rivals.values.first?.first { throw HeldTables.ambiguous(location, rival) }
        guard options.allowUnproven else { throw fault }
      }
      if options.proveOrders { try proof.opening?.proveOrders(capture, cancellation: options.cancellation) }
      return DatabaseSnapshot(
        location, layout, capture, live, view, proof.opening, proof.fault.map { [$0.message] } ?? [], file, attempts)
    }
  }

  /// Opens the view and looks through its logs for what opening passes over.
  private static func prove(
    _ location: DatabaseLocation, _ capture: DatabaseCapture, _ view: SnapshotView, options: OptionsFile?
  ) throws -> (opening: ViewOpening?, fault: GoudError?) {
    do {
      let opening = try ViewOpening(view, of: capture)
      if let fault = DatabaseFault.unreadable(capture, opening, options: options) {
        return (nil, fault)
      }
      if let fault = capture.tables.astray(opening.neighbours, of: location) { return (nil, fault) }
      return (opening, capture.logs.fault(in: opening.view))
    } catch let error as RocksDBError {
      return (nil, DatabaseFault(error, capture: capture, view: view.path, options: options).error)
    }
  }

  private init(
    _ location: DatabaseLocation, _ layout: DatabaseLayout, _ capture: DatabaseCapture, _ live: [HeldTables.File],
    _ opened: SnapshotView, _ opening: ViewOpening?, _ unproven: [String], _ options: OptionsFile?, _ attempts: Int
  ) {
    self.location = location
    self.layout = layout
    self.opened = opened
    let view = opening?.view
    self.view = view
    self.unproven = unproven
    unprovenOrders = opening?.unprovenOrders ?? []
    self.options = options
    optionsName = capture.options?.name
    identity = String(decoding: capture.identity?.bytes ?? [], as: UTF8.self).split(whereSeparator: \.isWhitespace)
      .joined()
    moment = capture.moment
    self.attempts = attempts
    files =
      live.sorted { $0.name < $1.name }.map { file in
        File(held: file, needsProof: opening.map { !$0.provenTables.contains(file.name) } ?? false)
      }
      + capture.logs.map(File.init(log:))
      + [File(manifest: capture.manifest, copy: opened.manifestCopy, size: capture.manifestSize)]
      + [capture.options, capture.identity, capture.current].compactMap { $0 }
      .map { File(small: $0, directory: location.directory) }
  }
}

extension DatabaseSnapshot.File {
  fileprivate init(held: DatabaseCapture.HeldFile, needsProof: Bool) {
    self.needsProof = needsProof
    name = held.name
    directory = FileSystem.parent(of: held.path)
    size = Int64(held.status.st_size)
    content = held.content
    status = held.status
    if case .table = DatabaseFileName(held.name) {
      tablePath = "/proc/self/fd/\(held.file.fd)"
    } else {
      tablePath = nil
    }
  }

  fileprivate init(log: CapturedLog) {
    name = log.name
    directory = FileSystem.parent(of: log.path)
    size = log.size
    content = log.copy
    status = log.status
    tablePath = nil
  }

  fileprivate init(manifest: DatabaseCapture.HeldFile, copy: Descriptor, size: Int64) {
    name = manifest.name
    directory = FileSystem.parent(of: manifest.file.path)
    self.size = size
    content = copy
    status = manifest.status
    tablePath = nil
  }

  fileprivate init(small: DatabaseCapture.SmallFile, directory: String) {
    name = small.name
    self.directory = directory
    size = Int64(small.bytes.count)
    content = MemorySource(small.bytes)
    status = small.status
    tablePath = nil
  }
}
