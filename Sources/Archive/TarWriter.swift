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

  /// Begins an entry. For a file, `write` and `skip` must then be given exactly its size.
  /// - Parameters:
  ///   - path: the whole path inside the archive.
  ///   - first: the whole path of the entry that this one is a second name of.
  func begin(_ entry: FileEntry, path: String, first: String? = nil) throws {
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
      if let extents = entry.extents { describe(extents, in: header) }
    case .secondName:
      archive_entry_set_filetype(header, UInt32(Glibc.S_IFREG))
      archive_entry_set_hardlink(header, first)
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

  /// Passes over a hole.
  func skip(_ count: Int64) throws {
    var rest = count
    while rest > 0 {
      let piece = min(rest, Int64(Self.void.count))
      try write(UnsafeRawBufferPointer(rebasing: Self.void[..<Int(piece)]))
      rest -= piece
    }
  }

  /// libarchive is given a hole's bytes like any others, and looks at none of them. Nobody could: they cannot be read.
  nonisolated(unsafe) private static let void: UnsafeRawBufferPointer = {
    let size = 1 << 30
    let start = mmap(nil, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    precondition(start != MAP_FAILED, "no room for addresses")
    return UnsafeRawBufferPointer(start: start, count: size)
  }()

  private func describe(_ extents: [Range<Int64>], in header: OpaquePointer?) {
    if extents.isEmpty { archive_entry_sparse_add_entry(header, 0, 0) }
    for extent in extents {
      archive_entry_sparse_add_entry(header, extent.lowerBound, extent.upperBound - extent.lowerBound)
    }
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
