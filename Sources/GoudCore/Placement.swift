import CGoudLinux
import Layout

#if canImport(Glibc)
  import Glibc
#endif

/// Gives a file another name in its directory and never takes that name from another file.
///
/// One step where the file system has such a rename. Else (NFS, ZFS before 2.2, FUSE) a second name, which cannot
/// replace anything, and the first one goes. Where there are no second names either (many of FUSE), an empty file keeps
/// the name free, and is what the rename replaces; a reader sees nothing, the empty file, or all.
public struct Placement {
  private let from: String
  private let name: String
  private let directory: Descriptor

  /// - Parameter from: a regular file of that directory.
  public init(_ from: String, as name: String, in directory: Descriptor) {
    (self.from, self.name, self.directory) = (from, name, directory)
  }

  /// What file systems say that do not have a call, or not for this.
  public static let unsupported: Set<Int32> = [EINVAL, ENOSYS, EOPNOTSUPP]

  /// The directory is not on the device yet when it returns.
  /// - Throws: `io.failed` (EEXIST) when the name is taken.
  public func run() throws {
    let file = try directory.status(of: from)?.identity
    if goud_renameat2(directory.fd, from, directory.fd, name, GOUD_RENAME_NOREPLACE) == 0 { return }
    guard Self.unsupported.contains(errno) else { throw failure() }
    if linkat(directory.fd, from, directory.fd, name, 0) == 0 { return try unname() }
    let number = errno
    // Over NFS an answer may be lost, and the second request finds what the first one made.
    if number == EEXIST, try directory.status(of: name)?.identity == file { return try unname() }
    guard Self.unsupported.union([EPERM, EMLINK, EACCES]).contains(number) else { throw failure(number) }
    try replaceReservation()
  }

  private func unname() throws {
    guard unlinkat(directory.fd, from, 0) == 0 else {
      let error = failure()
      unlinkat(directory.fd, name, 0)
      throw error
    }
  }

  /// A temporary is called `.goud-reserving-` meanwhile, so that the empty file goes with it if this is killed.
  private func replaceReservation() throws {
    let subject = TemporaryName(from).map { $0.kind == .file ? $0.subject : nil } ?? nil
    let noted = subject.map { TemporaryName(.reserving, for: $0).text } ?? from
    guard noted == from || renameat(directory.fd, from, directory.fd, noted) == 0 else { throw failure() }
    do {
      let reservation = try Descriptor.open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, in: directory)
      KillPoint.reached("placement.reserved")
      guard try directory.status(of: name)?.identity == reservation.status().identity else { throw failure(EEXIST) }
      guard renameat(directory.fd, noted, directory.fd, name) == 0 else {
        let error = failure()
        unlinkat(directory.fd, name, 0)
        throw error
      }
    } catch {
      renameat(directory.fd, noted, directory.fd, from)
      throw error
    }
  }

  private func failure(_ number: Int32? = nil) -> GoudError {
    GoudError.system("rename to", "\(directory.path)/\(name)", errno: number)
  }
}
