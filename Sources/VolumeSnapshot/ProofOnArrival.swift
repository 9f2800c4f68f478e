public import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// Proves tables and blob files as soon as they are written, while others are still on their way: what was just written is
/// in the page cache, and a volume that is larger than the memory is not read from its device once more.
///
/// Files are handed over by one thread. What is wrong with one is not said here: a file that is not among those proven is
/// proven, and named, when the volume is there as a whole (`VolumeProof`).
public final class ProofOnArrival: @unchecked Sendable {
  private struct Arrived: Sendable {
    let file: Descriptor
    let size: Int64
    let isTable: Bool

    /// What cannot be read is not sound either.
    var isSound: Bool {
      do {
        return try FileFault.find(in: file, size: size, isTable: isTable) == nil
      } catch {
        return false
      }
    }
  }

  /// Of the pipeline's last thread, until it has ended.
  private final class Found: @unchecked Sendable { var files = ProvenFiles() }

  private let found: Found
  private let pipeline: OrderedPipeline<[Arrived], [Descriptor]>
  private var waiting: [Arrived] = []
  private var bytes: Int64 = 0

  /// So much is proven in one go, and waits until then: small files come by thousands.
  private static let batchBytes: Int64 = 4 << 20
  private static let batchFiles = 32

  /// Two files are proven at once; up to 160 are held open.
  /// - Parameter body: makes the files, and hands over each that is whole and keeps its times, open for reading.
  public static func run<Result>(
    _ cancellation: Cancellation,
    _ body: (@escaping @Sendable (Descriptor, FileEntry) throws -> Void) throws -> Result
  ) throws -> (Result, ProvenFiles) {
    let proof = ProofOnArrival(cancellation)
    do {
      let result = try body { try proof.take($0, at: $1.path) }
      try proof.submit()
      try proof.pipeline.finish()
      return (result, proof.found.files)
    } catch {
      // Where it has ended, nothing is left to end.
      try? proof.pipeline.finish(abandoning: true)
      throw error
    }
  }

  private init(_ cancellation: Cancellation, threads: Int = 2) {
    let found = Found()
    self.found = found
    pipeline = OrderedPipeline(name: "prove", width: threads, depth: threads + 1) { files in
      try files.filter {
        try cancellation.check()
        return $0.isSound
      }.map(\.file)
    } consume: { sound in
      for file in sound { found.files.insert(try file.status()) }
    }
  }

  /// Does nothing for what is neither table nor blob file by its name. Waits while too many are on their way.
  private func take(_ file: Descriptor, at path: String) throws {
    let isTable: Bool
    switch DatabaseFileName(FileSystem.name(of: path)) {
    case .table: isTable = true
    case .blob: isTable = false
    default: return
    }
    let size = Int64(try file.status().st_size)
    waiting.append(Arrived(file: file, size: size, isTable: isTable))
    bytes += size
    if bytes >= Self.batchBytes || waiting.count >= Self.batchFiles { try submit() }
  }

  private func submit() throws {
    guard !waiting.isEmpty else { return }
    try pipeline.submit(waiting)
    (waiting, bytes) = ([], 0)
  }
}
