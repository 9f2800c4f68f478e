import Archive
package import BlobStore
import Dispatch
import Foundation
import GoudCore
import Layout
import Minisign

/// An archive that is an object, read in pieces, the next one while the present one is used. For one thread.
package final class BlobBytes: ArchiveBytes, @unchecked Sendable {
  package let size: Int64?
  private let store: any BlobStore
  private let blob: BlobStatus
  private let pieceBytes: Int
  private let readsAhead: Bool
  private var piece: [UInt8] = []
  private var start: Int64 = 0
  private var ahead: Ahead?

  /// - Parameter whole: whether all of it will be read, from the start on; else little is asked for.
  package init(_ store: any BlobStore, _ blob: BlobStatus, whole: Bool) {
    self.store = store
    self.blob = blob
    size = blob.bytes
    pieceBytes = whole ? 8 << 20 : 1 << 18
    readsAhead = whole
  }

  package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws -> Int {
    guard offset < blob.bytes else { return 0 }
    if offset < start || offset >= start + Int64(piece.count) { try fetch(offset) }
    let skipped = Int(offset - start)
    let count = min(buffer.count, piece.count - skipped)
    piece.withUnsafeBytes { buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[skipped..<skipped + count])) }
    return count
  }

  package func checksum() throws -> [UInt8]? { try beside(BackupName.checksum(of: blob.name), 16 << 10) }

  package func signature() throws -> [UInt8]? { try beside(BackupName.signature(of: blob.name), Signature.limit + 1) }

  private func beside(_ name: String, _ count: Int) throws -> [UInt8]? {
    try store.status(of: name).map { try store.read($0, at: 0, count: count) }
  }

  private func fetch(_ offset: Int64) throws {
    // Asked once: what failed on its way is asked for anew.
    let coming = ahead
    ahead = nil
    piece =
      if let coming, coming.offset == offset { try coming.result() } else {
        try store.read(blob, at: offset, count: pieceBytes)
      }
    start = offset
    let next = offset + Int64(piece.count)
    guard !piece.isEmpty else {
      throw GoudError(.blobUnreachable, "\(store.location)/\(blob.name) came short", hint: "try again later")
    }
    ahead = readsAhead && next < blob.bytes ? Ahead(store, blob, next, pieceBytes) : nil
  }

  /// One piece on its way.
  private final class Ahead: @unchecked Sendable {
    let offset: Int64
    private let done = DispatchSemaphore(value: 0)
    private var outcome: Result<[UInt8], any Error>?

    init(_ store: any BlobStore, _ blob: BlobStatus, _ offset: Int64, _ count: Int) {
      self.offset = offset
      Thread.detachNewThread {
        self.outcome = Result { try store.read(blob, at: offset, count: count) }
        self.done.signal()
      }
    }

    /// For one call.
    func result() throws -> [UInt8] {
      done.wait()
      return try outcome!.get()
    }
  }
}
