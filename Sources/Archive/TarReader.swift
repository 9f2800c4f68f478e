import CLibArchive
import Foundation
import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// The entries of a tar stream, by libarchive. Whether an entry is acceptable is `EntryGate`'s business.
final class TarReader {
  private let archive: OpaquePointer
  private let source: any ByteStream
  private var failure: (any Error)?
  /// How much the source gave, and where the last byte of it that is not zero ends.
  private var given: Int64 = 0
  private var contentEnd: Int64 = 0
  /// How much the source may have given before a header must be read: libarchive keeps in memory what it says of holes.
  private var headerLimit: Int64?
  private static let longestHeader: Int64 = 4 << 20
  /// In a locale of UTF-8, libarchive would compose accents (Unicode NFC), and two files of a volume become one. In
  /// that of C it finds that it cannot translate a name, and hands it out byte for byte, with a warning.
  private let locale = ThreadLocale("C")

  init(_ source: any ByteStream) throws {
    guard let archive = archive_read_new() else { throw GoudError(.internalFault, "libarchive: no memory") }
    self.archive = archive
    self.source = source
    archive_read_support_format_tar(archive)
    let me = Unmanaged.passUnretained(self).toOpaque()
    let opened = archive_read_open2(
      archive, me, nil,
      { _, client, bytes in
        let me = Unmanaged<TarReader>.fromOpaque(client!).takeUnretainedValue()
        return me.pull(bytes!)
      }, nil, nil)
    if let failure { throw failure }
    guard opened == ARCHIVE_OK else { throw damaged }
  }

  deinit { archive_read_free(archive) }

  /// The next entry; nil at the end of the archive.
  func next() throws -> EntryGate.Raw? {
    var header: OpaquePointer?
    headerLimit = given + Self.longestHeader
    let result = locale.use { archive_read_next_header(archive, &header) }
    headerLimit = nil
    if let failure { throw failure }
    if result == ARCHIVE_EOF {
      try end()
      return nil
    }
    guard let header, result == ARCHIVE_OK || (result == ARCHIVE_WARN && hasForeignNames(header)) else { throw damaged }
    return try locale.use { try raw(header) }
  }

  /// The next bytes of the present entry, valid until the next call, and where they begin; nil at its end.
  func data() throws -> (at: Int64, bytes: UnsafeRawBufferPointer)? {
    while true {
      var bytes: UnsafeRawPointer?
      var count = 0
      var position: la_int64_t = 0
      let result = archive_read_data_block(archive, &bytes, &count, &position)
      if let failure { throw failure }
      if result == ARCHIVE_EOF { return nil }
      guard result == ARCHIVE_OK else { throw damaged }
      if count > 0 { return (position, UnsafeRawBufferPointer(start: bytes, count: count)) }
    }
  }

  /// The next bytes of an entry without holes.
  /// - Parameter offset: where they must begin.
  func data(at offset: Int64) throws -> UnsafeRawBufferPointer? {
    guard let piece = try data() else { return nil }
    guard piece.at == offset else { throw GoudError(.archiveUnsafe, "the archive holds a sparse file") }
    return piece.bytes
  }

  /// A tar ends with two blocks of zeros, and nothing but zeros may follow. Reads the source to its end.
  private func end() throws {
    let marker = archive_read_header_position(archive)
    while let piece = try source.next() { note(piece) }
    guard given - marker >= 1024, contentEnd <= marker else {
      throw GoudError(.archiveCorrupt, contentEnd > marker ? "it goes on behind its end" : "it ends too early")
    }
  }

  private func note(_ piece: UnsafeRawBufferPointer) {
    let end = Self.contentEnd(of: piece)
    if end > 0 { contentEnd = given + Int64(end) }
    given += Int64(piece.count)
  }

  /// How long the piece is without the zeros at its end.
  private static func contentEnd(of piece: UnsafeRawBufferPointer) -> Int {
    guard let base = piece.baseAddress else { return 0 }
    var end = piece.count
    while end >= zeros.count, memcmp(base + end - zeros.count, zeros, zeros.count) == 0 { end -= zeros.count }
    while end > 0, piece[end - 1] == 0 { end -= 1 }
    return end
  }

  private static let zeros = [UInt8](repeating: 0, count: 4096)

  private func raw(_ header: OpaquePointer) throws -> EntryGate.Raw {
    guard let path = archive_entry_pathname(header),
      let name = String(validatingCString: path)
    else { throw GoudError(.archiveUnsafe, "an entry's name is not UTF-8") }
    var raw = EntryGate.Raw(path: name, kind: try kind(header, name))
    raw.mode = UInt32(archive_entry_perm(header))
    raw.owner = UInt32(truncatingIfNeeded: archive_entry_uid(header))
    raw.group = UInt32(truncatingIfNeeded: archive_entry_gid(header))
    raw.modified = (
      Int64(archive_entry_mtime(header)), Int32(clamping: min(max(0, archive_entry_mtime_nsec(header)), 999_999_999))
    )
    if case .file(let size) = raw.kind { raw.extents = try extents(header, size, name) }
    archive_entry_xattr_reset(header)
    var key: UnsafePointer<CChar>?
    var value: UnsafeRawPointer?
    var size = 0
    while archive_entry_xattr_next(header, &key, &value, &size) == ARCHIVE_OK, let key {
      raw.attributes[String(cString: key)] = [UInt8](UnsafeRawBufferPointer(start: value, count: size))
    }
    return raw
  }

  /// Where a file has bytes; nil: everywhere.
  private func extents(_ header: OpaquePointer, _ size: Int64, _ name: String) throws -> [Range<Int64>]? {
    guard archive_entry_sparse_reset(header) > 0 else { return nil }
    var result: [Range<Int64>] = []
    var offset: la_int64_t = 0
    var length: la_int64_t = 0
    while archive_entry_sparse_next(header, &offset, &length) == ARCHIVE_OK {
      guard offset >= result.last?.upperBound ?? 0, length >= 0, offset <= size, length <= size - offset else {
        throw GoudError(.archiveUnsafe, "the entry '\(name)' has holes that overlap")
      }
      if length == 0 { continue }
      if let last = result.last, last.upperBound == offset {
        result[result.count - 1] = last.lowerBound..<offset + length
      } else {
        result.append(offset..<offset + length)
      }
    }
    return result
  }

  /// Whether the warning may be about names; the owner's counts, as it is translated though nobody asks for it.
  private func hasForeignNames(_ header: OpaquePointer) -> Bool {
    locale.use {
      let names = [
        archive_entry_pathname(header), archive_entry_symlink(header), archive_entry_hardlink(header),
        archive_entry_uname(header), archive_entry_gname(header),
      ]
      return names.contains {
        $0.map { UnsafeBufferPointer(start: $0, count: strlen($0)).contains { $0 < 0 } } ?? false
      }
    }
  }

  private func kind(_ header: OpaquePointer, _ name: String) throws -> EntryGate.Raw.Kind {
    if let target = archive_entry_hardlink(header) {
      guard let text = String(validatingCString: target), archive_entry_size(header) == 0 else { return .other }
      return .hardLink(target: text)
    }
    switch mode_t(archive_entry_filetype(header)) {
    case Glibc.S_IFDIR: return .directory
    case Glibc.S_IFREG:
      let size = archive_entry_size(header)
      guard size >= 0 else { throw GoudError(.archiveUnsafe, "the entry '\(name)' has a negative size") }
      return .file(size: size)
    case Glibc.S_IFLNK:
      guard let target = archive_entry_symlink(header),
        let text = String(validatingCString: target)
      else { return .other }
      return .link(target: text)
    default: return .other
    }
  }

  private func pull(_ bytes: UnsafeMutablePointer<UnsafeRawPointer?>) -> Int {
    do {
      guard failure == nil, let piece = try source.next() else { return failure == nil ? 0 : -1 }
      if let headerLimit, given > headerLimit {
        throw GoudError(.archiveUnsafe, "an entry's description is longer than any that goud writes")
      }
      note(piece)
      bytes.pointee = piece.baseAddress
      return piece.count
    } catch {
      failure = error
      return -1
    }
  }

  private var damaged: GoudError {
    let text = archive_error_string(archive).map { String(cString: $0).lowercased() } ?? "it ends too early"
    return GoudError(.archiveCorrupt, "the archive cannot be read: \(text)")
  }
}
