import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// What the writer has promised so far, in memory shared through a file: it outlives a kill -9 of the writer.
///
/// One process writes, any number read. Words: operations started, acknowledged, acknowledged and synced.
public final class Oracle: @unchecked Sendable {
  private let words: UnsafeMutablePointer<UInt64>
  private static let size = 4096

  /// Opens or creates the file at `path`.
  public init(path: String) throws {
    let file = try Descriptor.open(path, O_RDWR | O_CREAT)
    guard ftruncate(file.fd, off_t(Self.size)) == 0 else { throw GoudError.system("truncate", path) }
    guard let map = mmap(nil, Self.size, PROT_READ | PROT_WRITE, MAP_SHARED, file.fd, 0), map != MAP_FAILED else {
      throw GoudError.system("map", path)
    }
    words = map.bindMemory(to: UInt64.self, capacity: Self.size / 8)
  }

  deinit { munmap(words, Self.size) }

  /// The newest operation that may be in the database.
  public var started: UInt64 {
    get { load(0) }
    set { store(0, newValue) }
  }

  /// The newest operation that must be in the database.
  public var acknowledged: UInt64 {
    get { load(1) }
    set { store(1, newValue) }
  }

  /// The newest operation that must survive even a power loss.
  public var synced: UInt64 {
    get { load(2) }
    set { store(2, newValue) }
  }

  // x86-64 and arm64 write aligned words at once; the compiler must not keep them in registers.
  @inline(never) private func load(_ index: Int) -> UInt64 { words[index] }
  @inline(never) private func store(_ index: Int, _ value: UInt64) { words[index] = value }
}
