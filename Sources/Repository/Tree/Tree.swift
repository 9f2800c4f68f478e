import GoudCore

/// A directory as a repository stores it: one blob, named by the hash of its text (restic-format `{"nodes":[…]}` and a
/// newline). Two writers that see the same directory must write the same bytes, or nothing is ever shared between them.
public struct Tree: Sendable, Equatable {
  /// In the order of the text. Canonical is ascending by the names' bytes, each name once.
  public var nodes: [Node]

  public init(nodes: [Node] = []) { self.nodes = nodes }

  /// The text, ending with a newline. The nodes come in the order they have here.
  public func encoded() -> [UInt8] {
    var writer = TreeText(estimate: nodes.count)
    for node in nodes { writer.append(node) }
    return writer.end()
  }

  /// Reads a tree of any writer: unknown fields are passed over, missing ones have their defaults, `null` is an empty
  /// list. Names are not checked; `TreeReader` does that.
  /// - Throws: `repository.damaged`.
  public init(decoding bytes: [UInt8]) throws {
    var json = JSONReader(bytes)
    nodes = []
    do {
      try TreeText.read(&json) { nodes.append(try Node(from: &$0)) }
    } catch let fault as JSONReader.Fault {
      throw GoudError(.repositoryDamaged, "a directory in the repository cannot be read: \(fault)")
    }
  }
}

/// A tree's text, written or read a node at a time.
struct TreeText {
  private var text = JSONText()
  private var isEmpty = true

  /// - Parameter estimate: nodes.
  init(estimate: Int) {
    text.reserve(estimate * 384 + 16)
    text.raw("{\"nodes\":[")
  }

  mutating func append(_ node: Node) {
    if !isEmpty { text.raw(",") }
    isEmpty = false
    node.write(to: &text)
  }

  mutating func end() -> [UInt8] {
    text.raw("]}\n")
    return text.bytes
  }

  /// - Parameter node: must read one node, all of it and no more.
  static func read(_ json: inout JSONReader, node: (inout JSONReader) throws -> Void) throws {
    let isThere = try json.object { json, key in
      if key == "nodes" { try json.list(node) } else { try json.value() }
    }
    guard isThere else { throw json.fault("no tree") }
    try json.end()
  }
}
