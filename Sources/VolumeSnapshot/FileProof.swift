import GoudCore
import RocksDB

extension DatabaseSnapshot.File {
  var isTable: Bool { tablePath != nil }

  /// Checks every block of a table and every value of a blob file against its checksum; does nothing for other files,
  /// and for what has been read already.
  /// - Throws: `database.corrupt`, naming the file; `snapshot.cut` when it was cut since it was captured.
  public func prove() throws {
    guard needsProof else { return }
    guard let fault = try FileFault.find(in: content, size: size, table: tablePath) else { return }
    try refuseCut()
    throw damaged(fault)
  }

  /// Whatever seems to be wrong with a file whose end is gone, it is no fault of the database.
  /// - Throws: `snapshot.cut`.
  private func refuseCut() throws {
    var byte: UInt8 = 0
    if size > 0 { _ = try withUnsafeMutableBytes(of: &byte) { try content.read(into: $0, at: size - 1) } }
  }

  private func damaged(_ why: String) -> GoudError {
    GoudError(
      .databaseCorrupt, "\(isTable ? "table" : "blob file") \(directory)/\(name) is damaged: \(why)",
      hint: "the volume itself is damaged: restore it from an earlier backup, or rebuild it from a peer",
      context: ["file": "\(directory)/\(name)"])
  }
}

/// What is wrong with a table or a blob file.
enum FileFault {
  /// - Parameter table: where RocksDB can open the table; nil: it is a blob file.
  /// - Returns: nil for a sound one.
  static func find(in content: any ByteSource, size: Int64, table: String?) throws -> String? {
    guard let table else { return try BlobProof.fault(in: content, size: size) }
    do {
      try DatabaseView.verifyTable(table, mapped: try TableFormat(of: content, size: size) == .cuckoo)
      return nil
    } catch let error as RocksDBError {
      return error.message
    }
  }

  /// - Parameter file: open for reading.
  static func find(in file: Descriptor, size: Int64, isTable: Bool) throws -> String? {
    try find(in: file, size: size, table: isTable ? "/proc/self/fd/\(file.fd)" : nil)
  }
}
