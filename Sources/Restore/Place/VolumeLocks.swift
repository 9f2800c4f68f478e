import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// The volumes that this run has for itself: against other restores, rollbacks and prunes by a lock file beside the
/// volume (the volume itself may not exist, and its directory changes in a swap), against backups by the
/// `DirectoryLock` on the volume.
///
/// Both end with the process. A lock file left by a killed run locks nobody out; the next run takes it over and removes
/// it. On disk while it lives: `.NAME.goud-lock`, empty, mode 0600.
package final class VolumeLocks {
  private var files: [VolumePlace: LockFile] = [:]
  private var directories: [FileIdentity: DirectoryLock] = [:]

  package init() {}

  /// Takes the lock of a volume at once, or fails; does nothing for one that is already held here.
  /// - Throws: `volume.locked`, naming the process that holds it.
  package func take(_ place: VolumePlace) throws {
    if files[place] == nil {
      do {
        files[place] = try LockFile(place)
      } catch let error as GoudError where error.code == .ioPermission {
        // A mount point may lie in a directory where nothing can be written. It stays the same directory, so the lock on
        // itself is enough.
        guard try FileSystem.isMountRoot(place.path) else { throw error }
      }
    }
    try take(directory: place.path)
  }

  /// Locks a directory that is or becomes a volume; does nothing when it is not there or already held.
  package func take(directory path: String) throws {
    guard let status = try FileSystem.status(path), status.isDirectory, directories[status.identity] == nil else {
      return
    }
    directories[status.identity] = try DirectoryLock(path)
  }

  /// Looks without taking anything.
  /// - Throws: `volume.locked` when another run has the volume for itself.
  package func refuseHeld(_ place: VolumePlace) throws {
    guard files[place] == nil else { return }
    let holder = LockHolder.find(kind: "FLOCK", path: place.lockFile) ?? DirectoryLock.holder(of: place.path)
    if let holder { throw Self.locked(place, by: holder) }
  }

  fileprivate static func locked(_ place: VolumePlace, by holder: LockHolder?) -> GoudError {
    GoudError(
      .volumeLocked, "\(place.path) is in use by another run of goud\(holder.map { " (\($0))" } ?? "")",
      hint: "wait for it to end", context: ["path": place.path, "pid": holder.map { "\($0.pid)" } ?? ""])
  }
}

/// A file that is locked while it is there under its name.
private final class LockFile {
  private let file: Descriptor

  init(_ place: VolumePlace) throws {
    while true {
      let candidate = try Descriptor.open(place.lockFile, O_RDWR | O_CREAT | O_NOFOLLOW)
      guard flock(candidate.fd, LOCK_EX | LOCK_NB) == 0 else {
        guard errno == EWOULDBLOCK else { throw GoudError.system("lock", place.lockFile) }
        throw VolumeLocks.locked(place, by: LockHolder.find(kind: "FLOCK", path: place.lockFile))
      }
      // Its last owner may have removed it between our open and our lock.
      if try FileSystem.status(place.lockFile)?.identity == candidate.status().identity {
        file = candidate
        return
      }
    }
  }

  deinit { unlink(file.path) }
}
