/// One file, directory or link of a volume, as it travels from a snapshot into an archive and back.
public struct FileEntry: Sendable, Equatable {
  public enum Kind: Sendable, Equatable {
    case directory
    /// A regular file of `size` bytes.
    case file(size: Int64)
    /// A relative link that stays inside the volume.
    case link(target: String)
    /// A further name of a regular file that came before, by its path in the same volume.
    case secondName(of: String)
  }

  /// Relative to the volume's root, `/` between components; empty for the root itself.
  public var path: String
  public var kind: Kind
  /// Permission bits, set-id and sticky included.
  public var mode: UInt32
  public var owner: UInt32
  public var group: UInt32
  /// Modification time: seconds since 1970 and nanoseconds.
  public var modified: (seconds: Int64, nanoseconds: Int32) {
    get { (modifiedSeconds, modifiedNanoseconds) }
    set { (modifiedSeconds, modifiedNanoseconds) = newValue }
  }
  private var modifiedSeconds: Int64
  private var modifiedNanoseconds: Int32
  /// Extended attributes by full name (`user.note`).
  public var attributes: [String: [UInt8]]
  /// Where a file with holes has bytes: in order, apart from each other, none empty, inside its size. nil: everywhere.
  public var extents: [Range<Int64>]?

  public init(
    path: String, kind: Kind, mode: UInt32, owner: UInt32, group: UInt32,
    modified: (seconds: Int64, nanoseconds: Int32), attributes: [String: [UInt8]] = [:],
    extents: [Range<Int64>]? = nil
  ) {
    self.path = path
    self.kind = kind
    self.mode = mode
    self.owner = owner
    self.group = group
    modifiedSeconds = modified.seconds
    modifiedNanoseconds = modified.nanoseconds
    self.attributes = attributes
    self.extents = extents
  }

  /// The bytes of a regular file that are stored: its size without its holes.
  public var storedBytes: Int64 {
    guard case .file(let size) = kind else { return 0 }
    return extents?.reduce(0) { $0 + $1.upperBound - $1.lowerBound } ?? size
  }

  /// Where a regular file has bytes.
  public var data: [Range<Int64>] {
    guard case .file(let size) = kind else { return [] }
    return extents ?? (size > 0 ? [0..<size] : [])
  }
}

extension FileEntry {
  /// Whether a link at `path` with this target leads to a place inside the volume, by its text alone, whatever other
  /// such links its target passes through: `..` may stand only at the beginning, where it counts from the link's own
  /// directory, which is none.
  public static func staysInside(_ path: String, target: String) -> Bool {
    guard !target.isEmpty, !target.isAbsolutePath else { return false }
    var depth = path.pathComponents().count - 1
    var descended = false
    for component in target.pathComponents() where component != "." {
      guard component == ".." else {
        descended = true
        continue
      }
      depth -= 1
      if descended || depth < 0 { return false }
    }
    return true
  }
}

/// The bytes of one file. Called from one thread at a time.
public protocol ByteSource: Sendable {
  /// Fills `buffer` from `offset`; fewer bytes than `buffer.count` only at the end.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws -> Int
}

extension Descriptor: ByteSource {}

/// Bytes in memory.
public struct MemorySource: ByteSource {
  public let bytes: [UInt8]

  public init(_ bytes: [UInt8]) { self.bytes = bytes }

  public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) -> Int {
    guard offset < bytes.count else { return 0 }
    let count = min(buffer.count, bytes.count - Int(offset))
    bytes.withUnsafeBytes {
      buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[Int(offset)..<Int(offset) + count]))
    }
    return count
  }
}
