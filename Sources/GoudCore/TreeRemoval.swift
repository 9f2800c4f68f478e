#if canImport(Glibc)
  import Glibc
#endif

extension FileSystem {
  /// Deletes a directory with everything in it, or a file. Every name is removed below the open directory that holds it,
  /// so whatever somebody exchanges meanwhile for a link, nothing outside is deleted.
  /// - Throws: `io.…` for the first name that cannot be removed; the rest may then be gone or not.
  public static func remove(tree name: String, in parent: Descriptor) throws {
    let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
    let fd = openat(parent.fd, name, flags)
    guard fd >= 0 else {
      if errno == ENOENT { return }
      guard errno == ENOTDIR || errno == ELOOP else { throw GoudError.system("open", "\(parent.path)/\(name)") }
      return try remove(name, 0, in: parent)
    }
    let directory = Descriptor(fd: fd, path: "\(parent.path)/\(name)")
    for child in try rawNames(in: directory) { try remove(raw: child, in: directory) }
    try remove(name, AT_REMOVEDIR, in: parent)
  }

  private static func remove(raw name: [CChar], in parent: Descriptor) throws {
    let text = String(decoding: name.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    if unlinkat(parent.fd, name, 0) == 0 || errno == ENOENT { return }
    // A directory says EISDIR, or EPERM where the standard is followed to the letter.
    guard errno == EISDIR || errno == EPERM else { throw GoudError.system("remove", "\(parent.path)/\(text)") }
    let number = errno
    let fd = openat(parent.fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard fd >= 0 else { throw GoudError.system("remove", "\(parent.path)/\(text)", errno: number) }
    let directory = Descriptor(fd: fd, path: "\(parent.path)/\(text)")
    for child in try rawNames(in: directory) { try remove(raw: child, in: directory) }
    guard unlinkat(parent.fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT else {
      throw GoudError.system("remove", directory.path)
    }
  }

  private static func remove(_ name: String, _ flags: Int32, in parent: Descriptor) throws {
    guard unlinkat(parent.fd, name, flags) == 0 || errno == ENOENT else {
      throw GoudError.system("remove", "\(parent.path)/\(name)")
    }
  }

  /// The names as the kernel has them, each with its zero at the end.
  private static func rawNames(in directory: Descriptor) throws -> [[CChar]] {
    let copy = openat(directory.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard copy >= 0, let stream = fdopendir(copy) else { throw GoudError.system("list", directory.path) }
    defer { closedir(stream) }
    var names: [[CChar]] = []
    while true {
      errno = 0
      guard let entry = readdir(stream) else {
        if errno != 0 { throw GoudError.system("list", directory.path) }
        return names
      }
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) {
          Array(UnsafeBufferPointer(start: $0, count: strlen($0) + 1))
        }
      }
      if name != [46, 0] && name != [46, 46, 0] { names.append(name) }
    }
  }
}
