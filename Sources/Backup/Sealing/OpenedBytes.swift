public import Archive
import Foundation
import GoudCore
import Layout
public import Volumes

#if canImport(Glibc)
  import Glibc
#endif

/// A sealed archive, opened with an identity while it is read, from its start on. For one thread.
package final class OpenedBytes: ArchiveBytes, @unchecked Sendable {
  package let size: Int64? = nil
  private let sealed: any ArchiveBytes
  private let path: String
  private let identity: String
  private var run: Run?
  private var position: Int64 = 0

  /// - Parameters:
  ///   - path: how the archive is called in messages.
  ///   - identity: a file of `age-keygen`.
  init(_ sealed: any ArchiveBytes, path: String, identity: String) {
    (self.sealed, self.path, self.identity) = (sealed, path, identity)
  }

  /// The bytes of an archive, opened when it is sealed.
  /// - Throws: `archive.sealed` without an identity.
  package static func open(_ bytes: (any ArchiveBytes)?, path: String, identity: String?) throws -> (any ArchiveBytes)?
  {
    guard path.isSealed else { return bytes }
    guard let identity else {
      throw GoudError(
        .archiveSealed, "\(path) is sealed for a recipient", hint: "pass --identity FILE; age -d -i FILE opens it too",
        context: ["path": path])
    }
    guard access(identity, R_OK) == 0 else { throw GoudError.system("read", identity) }
    return OpenedBytes(try bytes ?? ArchiveReader.bytes(of: path), path: path, identity: identity)
  }

  package func checksum() throws -> [UInt8]? { try sealed.checksum() }

  package func signature() throws -> [UInt8]? { try sealed.signature() }

  package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws -> Int {
    if run == nil || offset != position {
      guard offset == 0 else { throw GoudError(.internalFault, "a sealed archive is read from its start on") }
      run = try Run(sealed, identity)
      position = 0
    }
    var filled = 0
    while filled < buffer.count,
      let piece = try run!.output.readPiece(UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
    {
      filled += piece.count
    }
    if filled == 0 { try run!.check(path) }
    position += Int64(filled)
    return filled
  }

  package func finish(_ read: ArchiveDigest) throws -> ArchiveDigest {
    guard let run else { return read }
    try run.check(path)
    return ArchiveDigest(bytes: run.bytes, sha256: run.digest.hex())
  }

  /// One age, and a thread that feeds it. Let go of, both end: age as nobody takes its output, the thread as nobody takes
  /// what it feeds.
  private final class Run {
    let output: Descriptor
    private let outcome: AgeProcess.Outcome
    private let feed = Feed()

    init(_ sealed: any ArchiveBytes, _ identity: String) throws {
      let age = try AgeProcess(["-d", "-i", identity])
      (output, outcome) = (age.output, age.outcome)
      let input = age.input
      // It holds the feed alone, not the run, whose end it would then never see.
      Thread.detachNewThread { [feed] in feed.run(sealed, input) }
    }

    var bytes: Int64 { feed.bytes }
    var digest: Digest { feed.digest }

    /// Once the output has come to its end.
    func check(_ path: String) throws {
      let complaint = try outcome.complaint()
      let failure = feed.wait()
      if let complaint {
        let foreign = complaint.contains("no identity matched")
        throw GoudError(
          foreign ? .archiveSealed : .archiveCorrupt,
          foreign ? "\(path) is sealed for another recipient" : "\(path) cannot be opened: \(complaint)",
          hint: foreign ? "pass the --identity that belongs to it" : "use another backup, or fetch this one again")
      }
      if let failure { throw failure }
    }
  }

  /// What has been fed, of the feeding thread until `wait` has returned.
  private final class Feed: @unchecked Sendable {
    private(set) var digest = Digest()
    private(set) var bytes: Int64 = 0
    private var failure: (any Error)?
    private let done = DispatchSemaphore(value: 0)

    func run(_ sealed: any ArchiveBytes, _ input: Descriptor) {
      // Whatever the process does about it: a closed pipe is an error of this thread alone.
      var pipe = sigset_t()
      sigemptyset(&pipe)
      sigaddset(&pipe, SIGPIPE)
      pthread_sigmask(SIG_BLOCK, &pipe, nil)
      do { try pump(sealed, input) } catch { failure = error }
      done.signal()
    }

    private func pump(_ sealed: any ArchiveBytes, _ input: Descriptor) throws {
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 4096)
      defer { buffer.deallocate() }
      while true {
        let count = try sealed.read(into: buffer, at: bytes)
        guard count > 0 else { return }
        let piece = UnsafeRawBufferPointer(rebasing: buffer[..<count])
        digest.update(piece)
        bytes += Int64(count)
        try input.write(piece)
      }
    }

    /// - Returns: what ended it, unless the end of the archive did.
    func wait() -> (any Error)? {
      done.wait()
      done.signal()
      return failure
    }
  }
}

extension BackupCatalog {
  /// What an archive says of itself: its first megabytes are read.
  /// - Parameters:
  ///   - bytes: nil: it is a file.
  ///   - identity: what opens it when it is sealed.
  /// - Throws: `archive.sealed`, and what reading it finds.
  public static func metadata(
    of path: String, bytes: (any ArchiveBytes)?, identity: String?
  ) throws -> BackupMetadata {
    try ArchiveReader.metadata(of: path, bytes: try OpenedBytes.open(bytes, path: path, identity: identity))
  }
}
