import GoudCore

/// A directory's text, with where each node begins in it, in the order of their names. The nodes themselves are read
/// when they are asked for: of a wide directory only its text is held.
struct TreePage {
  private let bytes: [UInt8]
  /// By name.
  private let starts: [Int]
  private let place: String

  var count: Int { starts.count }

  /// - Parameter path: for messages.
  init(_ id: ObjectID, from loader: any BlobLoader, at path: [UInt8]) throws {
    try self.init(
      try loader.load(id, as: .tree), of: path.isEmpty ? "the root" : String(decoding: path, as: UTF8.self))
  }

  /// - Parameter place: the directory, for messages.
  /// - Throws: `repository.damaged`; `repository.unsafe-entry` for a name that is none or comes twice.
  init(_ bytes: [UInt8], of place: String) throws {
    (self.bytes, self.place) = (bytes, place)
    var json = JSONReader(bytes)
    var starts: [Int] = []
    var last: [UInt8]?
    var isSorted = true
    try Self.reading(place) {
      try TreeText.read(&json) { json in
        starts.append(json.position)
        let name = try Node.name(passing: &json)
        guard TreeName.isPlain(name) else { throw Self.unsafe(name, "is no name", place) }
        if let last, !last.lexicographicallyPrecedes(name) { isSorted = false }
        last = name
      }
    }
    self.starts = isSorted ? starts : try Self.sorted(starts, bytes, place)
  }

  func node(_ index: Int) throws -> Node {
    try Self.reading(place) {
      var json = JSONReader(bytes, at: starts[index])
      let node = try Node(from: &json)
      guard node.kind != .directory || node.subtree != nil else { throw json.fault("a directory without a tree") }
      return node
    }
  }

  func node(named name: [UInt8]) throws -> Node? {
    var (low, high) = (0, starts.count)
    while low < high {
      let middle = (low + high) / 2
      if try Self.name(bytes, starts[middle]).lexicographicallyPrecedes(name) {
        low = middle + 1
      } else {
        high = middle
      }
    }
    guard low < starts.count, try Self.name(bytes, starts[low]) == name else { return nil }
    return try node(low)
  }

  /// Other writers leave the order to chance.
  private static func sorted(_ starts: [Int], _ bytes: [UInt8], _ place: String) throws -> [Int] {
    let named = try starts.map { (name: try name(bytes, $0), start: $0) }
      .sorted { $0.name.lexicographicallyPrecedes($1.name) }
    for (one, next) in zip(named, named.dropFirst()) where one.name == next.name {
      throw unsafe(one.name, "comes twice", place)
    }
    return named.map(\.start)
  }

  private static func name(_ bytes: [UInt8], _ start: Int) throws -> [UInt8] {
    var json = JSONReader(bytes, at: start)
    return try Node.name(passing: &json)
  }

  private static func reading<Result>(_ place: String, _ body: () throws -> Result) throws -> Result {
    do { return try body() } catch let fault as JSONReader.Fault {
      throw GoudError(
        .repositoryDamaged, "\(place) in the repository cannot be read: \(fault)", context: ["path": place])
    }
  }

  private static func unsafe(_ name: [UInt8], _ what: String, _ place: String) -> GoudError {
    GoudError(
      .repositoryUnsafe,
      "\"\(String(decoding: QuotedName.quote(name), as: UTF8.self))\" in \(place) of the repository \(what)",
      context: ["path": place])
  }
}
