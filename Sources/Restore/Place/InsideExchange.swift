import GoudCore
import Layout

#if canImport(Glibc)
  import Glibc
#endif

/// The volume is a mount point, which no rename replaces: its content is exchanged, name by name, within the mount.
///
/// Everything lies in `.goud-restore-<id>` in the root, mode 0700 and believed only when it is root's or this user's:
///
/// | name | what it is |
/// |---|---|
/// | `.goud-restore.json` | the marker; while it is there, the restore is unfinished |
/// | `new` | the new data until it is in place |
/// | `old` | the old data until it is a safety copy, `.goud-replaced-<stamp>` in the root |
/// | `exchange.json` | the journal: there once names may have been moved |
struct InsideExchange: VolumeExchange {
  let place: VolumePlace
  let id: String
  var renames = Renames()

  var work: String { place.path(.restore, id, .inside) }
  var staging: String { "\(work)/\(ContentMoves.newName)" }

  func begin(_ marker: RestoreMarker) throws {
    try makeWork(marker)
    guard mkdir(staging, 0o700) == 0 else { throw GoudError.system("create", staging) }
    try FileSystem.synchronize(directory: work)
  }

  func begin(_ marker: RestoreMarker, with copy: SafetyCopy) throws {
    try makeWork(marker)
    let (root, work) = try open()
    try Discard.keepingTime(of: place, .inside) {
      try renames.move(FileSystem.name(of: copy.path), in: root, to: ContentMoves.newName, in: work.descriptor)
    }
    KillPoint.reached("rollback.staged")
  }

  private func makeWork(_ marker: RestoreMarker) throws {
    try Discard.keepingTime(of: place, .inside) {
      guard mkdir(work, 0o700) == 0 else { throw GoudError.system("create", work) }
      try FileSystem.synchronize(directory: place.path)
    }
    KillPoint.reached("restore.staged")
    try write(marker)
    guard try self.marker() == marker else { throw GoudError(.ioFailed, "\(work) does not hold what was written") }
    KillPoint.reached("restore.marked")
  }

  func marker() throws -> RestoreMarker? {
    guard try FileSystem.status(place.path)?.isDirectory == true,
      let work = try UntrustedDirectory(root: place.path).directory(FileSystem.name(of: work), others: .absent),
      let marker = try RestoreMarker.read(in: work), marker.id == id
    else { return nil }
    let status = try work.descriptor.status()
    guard [0, geteuid()].contains(status.st_uid), status.st_mode & 0o022 == 0 else {
      throw RestoreMarker.refusal(work.path, "lies where others may write")
    }
    return marker
  }

  func write(_ marker: RestoreMarker) throws { try marker.write(in: work) }

  func state() throws -> SwapState {
    guard try marker() != nil else { return .settled }
    switch try ExchangeJournal.read(in: open().work)?.phase {
    case nil: return .staged
    case .moving: return .aside
    case .swapped: return .swapped
    }
  }

  func directories() throws -> [String] {
    guard try state() != .settled else { return [] }
    return [place.path, staging, "\(work)/\(ContentMoves.oldName)"]
  }

  func exchange() throws {
    let state = try state()
    guard state == .staged || state == .aside else { return }
    let (root, work) = try open()
    let journal = try ExchangeJournal.read(in: work) ?? note(root, work)
    try ContentMoves(root, work.descriptor, journal, renames).forward()
    try note(journal, .swapped)
    KillPoint.reached("restore.exchanged")
  }

  func takeBack(_ stamp: String) throws {
    let state = try state()
    guard state == .swapped || state == .aside else { return }
    let (root, work) = try open()
    guard let journal = try ExchangeJournal.read(in: work) else { return }
    try note(journal, .moving)
    let copy = FileSystem.name(of: place.path(.replaced, stamp, .inside))
    if try work.directory(ContentMoves.oldName) == nil, try FileSystem.status("\(place.path)/\(copy)") != nil {
      try renames.move(copy, in: root, to: ContentMoves.oldName, in: work.descriptor)
    }
    try ContentMoves(root, work.descriptor, journal, renames).back()
    try letNodesIn(root)
    try journal.oldRoot.apply(to: root)
    try root.synchronize()
    guard unlinkat(work.descriptor.fd, ExchangeJournal.fileName, 0) == 0 else {
      throw GoudError.system("remove", "\(work.path)/\(ExchangeJournal.fileName)")
    }
    try work.descriptor.synchronize()
  }

  func keep(_ stamp: String) throws -> String? {
    let (root, work) = try open()
    let copy = place.path(.replaced, stamp, .inside)
    guard let old = try work.directory(ContentMoves.oldName)?.descriptor else {
      return try FileSystem.status(copy)?.isDirectory == true ? copy : nil
    }
    // An empty directory is nothing to keep. rmdir takes no other.
    if unlinkat(work.descriptor.fd, ContentMoves.oldName, AT_REMOVEDIR) == 0 { return nil }
    try ExchangeJournal.read(in: work)?.oldRoot.apply(to: old)
    try old.synchronize()
    try renames.move(ContentMoves.oldName, in: work.descriptor, to: FileSystem.name(of: copy), in: root)
    KillPoint.reached("restore.kept")
    return copy
  }

  func confirm() throws {
    guard try state() == .swapped else { return }
    let (root, work) = try open()
    try letNodesIn(root)
    try ExchangeJournal.read(in: work)?.newRoot.applyTime(to: root)
    try root.synchronize()
    KillPoint.reached("restore.confirmed")
    try Discard.directory(work.path, of: place, .inside)
  }

  func discard(keeping: Bool) throws {
    guard try state() == .staged, let marker = try marker() else { return }
    let (root, work) = try open()
    try Discard.keepingTime(of: place, .inside) {
      try letNodesIn(root)
      if let stamp = marker.rollbackOf, try work.directory(ContentMoves.newName) != nil {
        let copy = FileSystem.name(of: place.path(.replaced, stamp, .inside))
        try renames.move(ContentMoves.newName, in: work.descriptor, to: copy, in: root)
      }
    }
    try Discard.directory(work.path, of: place, .inside, keeping: keeping)
  }

  func abandon(keeping: Bool) throws {
    guard try FileSystem.status(self.work)?.isDirectory == true else { return }
    let (root, work) = try open()
    guard try ExchangeJournal.read(in: work) == nil else { return }
    try Discard.keepingTime(of: place, .inside) { try letNodesIn(root) }
    try Discard.directory(work.path, of: place, .inside, keeping: keeping)
  }

  // MARK: The journal

  /// Writes down what will be moved, after nodes were told to keep out.
  private func note(_ root: Descriptor, _ work: UntrustedDirectory) throws -> ExchangeJournal {
    let oldRoot = try RootAttributes(of: root)
    try keepNodesOut()
    KillPoint.reached("restore.nodes-kept-out")
    guard mkdirat(work.descriptor.fd, ContentMoves.oldName, 0o700) == 0 || errno == EEXIST else {
      throw GoudError.system("create", "\(work.path)/\(ContentMoves.oldName)")
    }
    try work.descriptor.synchronize()
    let new = try Descriptor.open(staging, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    let journal = ExchangeJournal(
      phase: .moving, old: try ContentMoves.names(in: place.path),
      new: try ContentMoves.names(in: staging).reversed(), oldRoot: oldRoot,
      newRoot: try RootAttributes(of: new))
    try journal.write(in: work.path)
    KillPoint.reached("restore.exchange-noted")
    return journal
  }

  private func note(_ journal: ExchangeJournal, _ phase: ExchangeJournal.Phase) throws {
    var journal = journal
    journal.phase = phase
    try journal.write(in: work)
  }

  // MARK: Nodes

  /// A copy of the marker in the root, which Goud's own nodes look for.
  private func keepNodesOut() throws {
    guard var guarding = try marker() else { return }
    guarding.keepsNodesOut = true
    try guarding.write(in: place.path)
  }

  private func letNodesIn(_ root: Descriptor) throws {
    try Leftovers(in: place.path).remove()
    guard unlinkat(root.fd, RestoreMarker.fileName, 0) == 0 || errno == ENOENT else {
      throw GoudError.system("remove", "\(root.path)/\(RestoreMarker.fileName)")
    }
  }

  private func open() throws -> (root: Descriptor, work: UntrustedDirectory) {
    let root = try UntrustedDirectory(root: place.path)
    guard let work = try root.directory(FileSystem.name(of: work)) else {
      throw GoudError.system("open", work, errno: ENOENT)
    }
    return (root.descriptor, work)
  }
}
