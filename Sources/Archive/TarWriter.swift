import CLibArchive
import Foundation
import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// Entries to a tar stream (POSIX pax), by libarchive. The stream comes out through `sink`, in pieces as libarchive
/// makes them; file data is passed on without a copy.
final class TarWriter {
  private let archive: OpaquePointer
  private let sink: (UnsafeRawBufferPointer) throws -> Void
  private var failure: (any Error)?
  /// libarchive translates names through the thread's locale; whatever the user's is, names here are UTF-8.
  private let locale = ThreadLocale("C.UTF-8")

  init(sink: @escaping (UnsafeRawBufferPointer) throws -> Void) throws {
    guard let archive = archive_write_new() else { throw GoudError(.internalFault, "libarchive: no memory") }
    self.archive = archive
    self.sink = sink
    archive_write_set_format_pax(archive)
    archive_write_set_bytes_per_block(archive, 0)
    let me = Unmanaged.passUnretained(self).toOpaque()
    let opened = archive_write_open2(
      archive, me, nil,
      { _, client, bytes, count in
        let me = Unmanaged<TarWriter>.fromOpaque(client!).takeUnretainedValue()
        return me.pass(UnsafeRawBufferPointer(start: bytes, count: count)) ? count : -1
      }, nil, nil)
    guard opened == ARCHIVE_OK else { throw problem("open") }
  }

  deinit { archive_write_free(archive) }

  /// Begins an entry. For a file, `write` must then be given exactly its size.
  /// - Parameter path: the whole path inside the archive.
  func begin(_ entry: FileEntry, path: String) throws {
    let header = archive_entry_new()
    defer { archive_entry_free(header) }
    // Not the `_utf8` calls: they compose accents (Unicode NFC), and two files of a volume become one.
    archive_entry_set_pathname(header, path)
    archive_entry_set_uid(header, la_int64_t(entry.owner))
    archive_entry_set_gid(header, la_int64_t(entry.group))
    archive_entry_set_mtime(header, time_t(entry.modified.seconds), Int(entry.modified.nanoseconds))
    switch entry.kind {
    case .directory:
      archive_entry_set_filetype(header, UInt32(Glibc.S_IFDIR))
    case .file(let size):
      archive_entry_set_filetype(header, UInt32(Glibc.S_IFREG))
      archive_entry_set_size(header, size)
    case .link(let target):
      archive_entry_set_filetype(header, UInt32(Glibc.S_IFLNK))
      archive_entry_set_symlink(header, target)
    }
    archive_entry_set_perm(header, entry.mode)
    for (name, value) in entry.attributes.sorted(by: { $0.key < $1.key }) {
      archive_entry_xattr_add_entry(header, name, value, value.count)
    }
    let result = locale.use { archive_write_header(archive, header) }
    if let failure { throw failure }
    guard result == ARCHIVE_OK else { throw problem("describe \(path)") }
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    let count = archive_write_data(archive, bytes.baseAddress, bytes.count)
    if let failure { throw failure }
    guard count == bytes.count else { throw problem("write") }
  }

  func end() throws {
    let result = archive_write_finish_entry(archive)
    if let failure { throw failure }
    guard result == ARCHIVE_OK else { throw problem("finish") }
  }

  /// Writes the end of the archive.
  func close() throws {
    let result = archive_write_close(archive)
    if let failure { throw failure }
    guard result == ARCHIVE_OK else { throw problem("close") }
  }

  private func pass(_ bytes: UnsafeRawBufferPointer) -> Bool {
    do {
      if failure == nil, !bytes.isEmpty { try sink(bytes) }
    } catch {
      failure = error
    }
    return failure == nil
  }

  private func problem(_ action: String) -> GoudError {
    let text = archive_error_string(archive).map { String(cString: $0) } ?? "unknown"
    return GoudError(.internalFault, "libarchive could not \(action): \(text)")
  }
}

/// A character set for the calls that libarchive makes on this thread.
final class ThreadLocale {
  private let locale: locale_t?

  init(_ name: String) { locale = newlocale(LC_CTYPE_MASK, name, nil) }

  deinit { if let locale { freelocale(locale) } }

  func use<Result>(_ body: () throws -> Result) rethrows -> Result {
    let previous = uselocale(locale)
    defer { uselocale(previous) }
    return try body()
  }
}
