import GoudCore

/// The files of a backup that have several names: which names, and the number that says so.
struct SharedNames {
  struct File {
    /// The node of the name that came as a file; nil: it did not come.
    var first: Node?
    /// Names, at least 2.
    var links: UInt64 = 1
    var inode: UInt64 = 0
    /// The first in the order of bytes.
    var least: [UInt8]
  }

  /// The device that the numbers are of: none that a kernel gives to a file system.
  static let deviceID: UInt64 = 1

  /// By the path that came as a file.
  private var files: [[UInt8]: File] = [:]
  /// Where each second name leads.
  private var firsts: [[UInt8]: [UInt8]] = [:]

  var isEmpty: Bool { files.isEmpty }

  /// - Parameter first: the file's first name, or another that came before.
  mutating func add(_ path: String, to first: String) throws {
    let path = path.nameBytes
    let file = firsts[first.nameBytes] ?? first.nameBytes
    guard file != path, firsts.updateValue(file, forKey: path) == nil else {
      throw GoudError(.internalFault, "\(String(decoding: path, as: UTF8.self)) came twice")
    }
    files[file, default: File(least: file)].links += 1
    if let least = files[file]?.least, path.lexicographicallyPrecedes(least) { files[file]?.least = path }
  }

  /// A file came under this path.
  mutating func found(_ node: Node, at path: String) { files[path.nameBytes]?.first = node }

  /// Gives each file a number of its own, 1 to 2^52, so that other readers of JSON keep it whole: the hash of its first
  /// name in the order of bytes, or the next that is free.
  mutating func assignNumbers() {
    var taken: Set<UInt64> = []
    for (key, file) in files.sorted(by: { $0.value.least.lexicographicallyPrecedes($1.value.least) }) {
      let hash = ObjectID(sha256Of: file.least).bytes.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      var number = hash >> 12 + 1
      while !taken.insert(number).inserted { number = number % (1 << 52) + 1 }
      files[key]?.inode = number
    }
  }

  /// - Returns: nil when the name is its file's only one.
  func file(_ path: String) -> File? { files[firsts[path.nameBytes] ?? path.nameBytes] }
}
