import GoudCore
import Layout

#if canImport(Glibc)
  import Glibc
#endif

/// The new data is a directory beside the volume, and the two directories change names.
struct BesideExchange: VolumeExchange {
  let place: VolumePlace
  let id: String
  var renames = Renames()

  var staging: String { place.path(.restore, id, .beside) }
  private var aside: String { place.path(.swapping, id, .beside) }

  func begin(_ marker: RestoreMarker) throws {
    guard mkdir(staging, 0o700) == 0 else { throw GoudError.system("create", staging) }
    try FileSystem.synchronize(directory: place.directory)
    KillPoint.reached("restore.staged")
    try write(marker)
    // Not every file system lets it be told who wrote a file: better known now than when it is needed.
    guard try self.marker() == marker else { throw GoudError(.ioFailed, "\(staging) does not hold what was written") }
    KillPoint.reached("restore.marked")
  }

  func begin(_ marker: RestoreMarker, with copy: SafetyCopy) throws {
    try marker.write(in: copy.path)
    KillPoint.reached("rollback.marked")
    try renames.move(copy.path, to: staging)
    KillPoint.reached("rollback.staged")
  }

  func marker() throws -> RestoreMarker? {
    for path in [place.path, staging] {
      if let marker = try Self.marker(in: path, of: place), marker.id == id, marker.keepsNodesOut != true {
        return marker
      }
    }
    return nil
  }

  func write(_ marker: RestoreMarker) throws { try marker.write(in: staging) }

  /// The marker in the volume or beside it. Whoever owns the directory that holds the volume is believed: nothing keeps
  /// that user from moving volumes.
  static func marker(in path: String, of place: VolumePlace) throws -> RestoreMarker? {
    guard let parent = try FileSystem.status(place.directory) else { return nil }
    let directory = try UntrustedDirectory(root: place.directory)
    guard let root = try directory.directory(FileSystem.name(of: path), others: .absent) else { return nil }
    return try RestoreMarker.read(in: root, trusted: [parent.st_uid])
  }

  func state() throws -> SwapState {
    if try Self.isOwn(Self.marker(in: place.path, of: place), id) { return .swapped }
    guard try Self.isOwn(Self.marker(in: staging, of: place), id) else { return .settled }
    return try FileSystem.status(aside) == nil ? .staged : .aside
  }

  private static func isOwn(_ marker: RestoreMarker?, _ id: String) -> Bool {
    marker?.id == id && marker?.keepsNodesOut != true
  }

  func exchange() throws {
    switch try state() {
    case .swapped, .settled: return
    case .staged where try FileSystem.status(place.path) == nil: try renames.move(staging, to: place.path)
    case .aside, .staged: try renames.exchange(staging, with: place.path, aside: aside)
    }
    KillPoint.reached("restore.exchanged")
  }

  func takeBack(_ stamp: String) throws {
    switch try state() {
    case .aside: try renames.move(aside, to: place.path)
    case .staged, .settled: return
    case .swapped:
      guard let old = try replaced(stamp) else { return try renames.move(place.path, to: staging) }
      if old != staging { try renames.move(old, to: staging) }
      try renames.exchange(staging, with: place.path, aside: aside)
    }
  }

  /// The replaced data: under the staging name, moved aside, or already a safety copy; nil when there was none.
  private func replaced(_ stamp: String) throws -> String? {
    try [staging, aside, place.path(.replaced, stamp, .beside)].first {
      try FileSystem.status($0)?.isDirectory == true
    }
  }

  func keep(_ stamp: String) throws -> String? {
    let copy = place.path(.replaced, stamp, .beside)
    guard let old = try replaced(stamp) else { return nil }
    if old == copy { return copy }
    // An empty directory is nothing to keep. rmdir takes no other.
    if rmdir(old) == 0 { return nil }
    try renames.move(old, to: copy)
    KillPoint.reached("restore.kept")
    return copy
  }

  func confirm() throws {
    guard let marker = try Self.marker(in: place.path, of: place), marker.id == id else { return }
    try remove(marker, from: place.path)
    KillPoint.reached("restore.confirmed")
  }

  func discard(keeping: Bool) throws {
    guard try state() == .staged, let marker = try marker() else { return }
    guard let stamp = marker.rollbackOf else {
      try Discard.directory(staging, of: place, .beside, keeping: keeping)
      return
    }
    let copy = place.path(.replaced, stamp, .beside)
    try renames.move(staging, to: copy)
    try remove(marker, from: copy)
  }

  func abandon(keeping: Bool) throws {
    guard try FileSystem.status(aside) == nil, try !Self.isOwn(Self.marker(in: place.path, of: place), id) else {
      return
    }
    try Discard.directory(staging, of: place, .beside, keeping: keeping)
  }

  private func remove(_ marker: RestoreMarker, from directory: String) throws {
    try Leftovers(in: directory).remove()
    try marker.remove(from: Descriptor.open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW))
  }

  func directories() throws -> [String] {
    switch try state() {
    case .staged: [place.path, staging]
    case .aside: [staging]
    case .swapped: [place.path]
    case .settled: []
    }
  }
}
