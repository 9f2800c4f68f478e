package import Archive
import Foundation
import GoudCore
import Layout
import Synchronization
import Volumes

#if canImport(Glibc)
  import Glibc
#endif

/// Seals an archive for a recipient on its way: `age -d` alone opens it again. What is stored, and what its checksum is
/// of, is the sealed archive.
package final class SealedSink: ArchiveSink, @unchecked Sendable {
  package static let suffix = BackupName.sealSuffix

  package var path: String { sink.path }
  private let sink: any ArchiveSink
  private let age: AgeProcess.Outcome
  /// Of the writing thread; closed, it tells age that nothing more comes.
  private var input: Descriptor?
  private let drained = DispatchSemaphore(value: 0)
  // Of the draining thread, until `drained`.
  private var digest = Digest()
  private var bytes: Int64 = 0
  private let failure = Mutex<(any Error)?>(nil)

  /// - Parameter sink: where the sealed archive goes.
  /// - Throws: `archive.age-missing`.
  package init(_ sink: any ArchiveSink, recipient: String) throws {
    let age = try AgeProcess(["-r", recipient])
    self.sink = sink
    (self.age, input) = (age.outcome, age.input)
    let output = age.output
    Thread.detachNewThread {
      do { try self.drain(output) } catch { self.failure.withLock { $0 = error } }
      self.drained.signal()
    }
  }

  private func drain(_ output: Descriptor) throws {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
    defer { buffer.deallocate() }
    while let piece = try output.readPiece(buffer) {
      try sink.write(piece)
      digest.update(piece)
      bytes += Int64(piece.count)
    }
  }

  package func write(_ piece: UnsafeRawBufferPointer) throws {
    do {
      try input?.write(piece)
    } catch {
      input = nil
      try ended()
      throw error
    }
  }

  /// Waits until age has written everything.
  private func ended() throws {
    input = nil
    drained.wait()
    drained.signal()
    if let failure = failure.withLock({ $0 }) { throw failure }
    if let complaint = try age.complaint() {
      throw GoudError(.ioFailed, "age could not seal the archive: \(complaint)")
    }
  }

  package func publish(_ archive: ArchiveDigest) throws -> ArchiveDigest {
    try ended()
    return try sink.publish(ArchiveDigest(bytes: bytes, sha256: digest.hex()))
  }

  package func discard() {
    try? ended()
    sink.discard()
  }
}
