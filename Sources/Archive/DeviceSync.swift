import CGoudLinux
import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// Brings the files that are written below one directory to the device, with every error that the device reports.
///
/// One `fsync` for each of many small files costs a commit of the file system's journal each. Where the file system is
/// known to report errors so, many files are synchronized by one `syncfs`; elsewhere several at a time by `fsync`. That they
/// are written is begun beside the making of others, so that little is left in the end. Holds some 200 files open at most,
/// however many there are.
final class DeviceSync {
  /// Up to so many files, each is synchronized by itself: `syncfs` also waits for what others have written.
  static let few = 64
  /// Smaller files are written back in batches.
  static let small: Int64 = 1 << 20
  private static let width = 8

  private let directory: Descriptor
  private let coversFileSystem: Bool
  private var files: [Descriptor] = []
  private var isMany = false
  /// Small files of which nothing is begun yet; `few` at most.
  private var waiting: [Descriptor] = []
  private var beginning: OrderedPipeline<[Descriptor], Void>?

  /// - Parameter directory: opened before the first file is written: `syncfs` reports what went wrong since then.
  init(_ directory: Descriptor) {
    self.directory = directory
    coversFileSystem = goud_syncs_whole_file_system(directory.fd) != 0
  }

  deinit { try? beginning?.finish(abandoning: true) }

  /// Takes over a file of which everything is written.
  func add(_ file: Descriptor, size: Int64) throws {
    if isMany && size < Self.small { return try begin(file) }
    // Blocks that are allocated by now need no journal commit of their own when the file is synced.
    goud_start_writeback(file.fd, 0, 0)
    guard !isMany else { return }
    files.append(file)
    guard files.count > Self.few else { return }
    guard coversFileSystem else { return try each() }
    isMany = true
    files = []
  }

  /// The names in a directory, and its attributes: on the device after the next `finish`, at the latest.
  func add(directory: Descriptor) throws { if !isMany { try directory.synchronize() } }

  /// Waits until everything that was added is on the device.
  func finish() throws {
    guard isMany else { return try each() }
    try beginning?.submit(waiting)
    waiting = []
    try beginning?.finish()
    beginning = nil
    guard goud_syncfs(directory.fd) == 0 else {
      throw GoudError.system("write back the file system of", directory.path)
    }
  }

  private func begin(_ file: Descriptor) throws {
    waiting.append(file)
    guard waiting.count == Self.few else { return }
    let pipeline =
      beginning
      ?? OrderedPipeline(name: "write", width: 1, depth: 2) {
        for file in $0 { goud_start_writeback(file.fd, 0, 0) }
      } consume: {
      }
    beginning = pipeline
    try pipeline.submit(waiting)
    waiting = []
  }

  private func each() throws {
    let pipeline = OrderedPipeline<Descriptor, Void>(name: "sync", width: Self.width, depth: Self.few * 2) {
      try $0.synchronize()
    } consume: { _ in
    }
    do {
      for file in files { try pipeline.submit(file) }
    } catch {
      try pipeline.finish(abandoning: true)
      throw error
    }
    try pipeline.finish()
    files = []
  }
}
