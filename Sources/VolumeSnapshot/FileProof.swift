import GoudCore
import RocksDB

extension DatabaseSnapshot.File {
  var isTable: Bool { tablePath != nil }

  /// Checks every block of a table and every value of a blob file against its checksum; does nothing for other files,
  /// and for what has been read already.
  /// - Throws: `database.corrupt`, naming the file; `snapshot.cut` when it was cut since it was captured.
  public func prove() throws {
    guard needsProof else { return }
    guard let fault = try tablePath.map(tableFault) ?? BlobProof.fault(in: content, size: size) else { return }
    try refuseCut()
    throw damaged(fault)
  }

  /// Whatever seems to be wrong with a file whose end is gone, it is no fault of the database.
  /// - Throws: `snapshot.cut`.
  private func refuseCut() throws {
    var byte: UInt8 = 0
    if size > 0 { _ = try withUnsafeMutableBytes(of: &byte) { try content.read(into: $0, at: size - 1) } }
  }

  /// - Returns: nil for a sound table.
  private func tableFault(_ path: String) throws -> String? {
    do {
      try DatabaseView.verifyTable(path, mapped: try TableFormat(of: content, size: size) == .cuckoo)
      return nil
    } catch let error as RocksDBError {
      return error.message
    }
  }

  private func damaged(_ why: String) -> GoudError {
    GoudError(
      .databaseCorrupt, "\(isTable ? "table" : "blob file") \(directory)/\(name) is damaged: \(why)",
      hint: "the volume itself is damaged: restore it from an earlier backup, or rebuild it from a peer",
      context: ["file": "\(directory)/\(name)"])
  }
}
