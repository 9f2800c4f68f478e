import GoudCore
import Testing

@testable import Repository

@Suite struct TreeReaderTests {
  private let blobs = MemoryBlobs()
  private let one = ObjectID(sha256Of: [1])

  private func paths(
    _ root: ObjectID, limit: Int = 100, skipping: String? = nil, blobLength: ((ObjectID) -> Int64?)? = nil
  ) throws -> [String?] {
    var walk = TreeReader(blobs).walk(root, limit: limit, blobLength: blobLength)
    var found: [String?] = []
    while let next = try walk.next() {
      found.append(next.text)
      if let skipping, next.text == skipping { walk.skipDirectory() }
    }
    return found
  }

  private func tree(_ nodes: String...) throws -> ObjectID {
    try blobs.save(tree: "{\"nodes\":[\(nodes.joined(separator: ","))]}\n")
  }

  private func file(_ name: String, _ more: String = "") -> String { #"{"name":"\#(name)","type":"file"\#(more)}"# }

  private func directory(_ name: String, _ tree: ObjectID) -> String {
    #"{"name":"\#(name)","type":"dir","subtree":"\#(tree)"}"#
  }

  @Test func aDirectoryComesBeforeWhatItHolds() throws {
    let inner = try tree(file("x"), directory("y", try tree(file("z"))))
    let root = try tree(directory("a", inner), file("a.b"), directory("b", inner))
    #expect(try paths(root) == ["a", "a/x", "a/y", "a/y/z", "a.b", "b", "b/x", "b/y", "b/y/z"])
    #expect(try paths(root, skipping: "a") == ["a", "a.b", "b", "b/x", "b/y", "b/y/z"])
  }

  @Test func whatAnotherWriterLeftUnsortedIsSorted() throws {
    let root = try tree(file("b"), directory("c", try tree(file("2"), file("1"))), file("a"))
    #expect(try paths(root) == ["a", "b", "c", "c/1", "c/2"])
    #expect(try TreeReader(blobs).tree(root).nodes.map(\.text) == ["a", "b", "c"])
  }

  @Test func aNodeIsFoundByItsPath() throws {
    let root = try tree(file("b"), directory("c", try tree(file("2"), file("1"))), file("a"))
    let reader = TreeReader(blobs)
    for path in ["a", "b", "c", "c/1", "c/2"] {
      #expect(try reader.node(at: path, below: root)?.text == path.pathComponents().last)
    }
    for path in ["", "d", "0", "a/1", "c/3", "c/1/1"] { #expect(try reader.node(at: path, below: root) == nil) }
  }

  @Test(arguments: ["", ".", "..", "a/b", "/", "a\\\\x00", "\\\\x2e\\\\x2e", "\\\\x2f"])
  func whatIsNoNameIsRefused(_ name: String) throws {
    let root = try tree(file(name))
    #expect(failure { _ = try paths(root) }?.code == .repositoryUnsafe)
    #expect(failure { _ = try TreeReader(blobs).tree(root) }?.code == .repositoryUnsafe)
  }

  @Test func aNameThatComesTwiceIsRefusedSortedOrNot() throws {
    for root in [try tree(file("a"), file("a")), try tree(file("a"), file("b"), directory("a", try tree()))] {
      #expect(failure { _ = try paths(root) }?.code == .repositoryUnsafe)
    }
    #expect(try paths(try tree(file("\u{e9}"), file("e\u{301}"))).count == 2)
  }

  @Test func aDirectoryWithoutATreeIsDamaged() throws {
    for root in [try tree(#"{"name":"a","type":"dir"}"#), try tree(directory("a", one)), one] {
      #expect(failure { _ = try paths(root) }?.code == .repositoryDamaged)
    }
  }

  @Test func moreNodesThanTheLimitAreRefused() throws {
    // Each directory holds the one below twice: 2^40 names.
    var root = try tree()
    for _ in 0..<40 { root = try tree(directory("a", root), directory("b", root)) }
    #expect(failure { _ = try paths(root, limit: 1000) }?.code == .repositoryUnsafe)
    let two = try tree(file("a"), file("b"))
    #expect(try paths(two, limit: 2).count == 2)
    #expect(failure { _ = try paths(two, limit: 1) }?.code == .repositoryUnsafe)
  }

  @Test func pathsLongerThanLinuxHasAreRefused() throws {
    var root = try tree()
    for _ in 0..<3000 { root = try tree(directory("a", root)) }
    #expect(failure { _ = try paths(root, limit: 10_000) }?.code == .repositoryUnsafe)
  }

  /// restic restores a file of another length, and says nothing.
  @Test(arguments: [("", 0), (#","size":3"#, 1), (#","size":7"#, 2), (#","size":18446744073709551615"#, 2)])
  func aSizeThatTheBlobsDoNotHaveIsDamage(_ size: String, _ count: Int) throws {
    let content = [String](repeating: "\"\(one)\"", count: count).joined(separator: ",")
    func root(_ size: String) throws -> ObjectID { try tree(file("a", "\(size),\"content\":[\(content)]")) }
    #expect(try paths(try root(",\"size\":\(count * 4)"), blobLength: { _ in 4 }) == ["a"])
    #expect(try paths(try root(size)) == ["a"])
    guard count > 0 else { return }
    #expect(failure { _ = try paths(try root(size), blobLength: { _ in 4 }) }?.code == .repositoryDamaged)
    #expect(
      failure { _ = try paths(try root(",\"size\":\(count * 4)"), blobLength: { _ in nil }) }?.code
        == .repositoryDamaged)
    #expect(failure { _ = try paths(try root(size), blobLength: { _ in .max }) }?.code == .repositoryDamaged)
  }

  // MARK: As entries of a volume

  private func entries(_ root: ObjectID) throws -> [FileEntry] {
    var walk = TreeReader(blobs).entries(root)
    var found: [FileEntry] = []
    while let next = try walk.next() { found.append(next.entry) }
    return found
  }

  @Test(arguments: [
    #"{"name":"a","type":"fifo"}"#, #"{"name":"a","type":"chardev"}"#, #"{"name":"a","type":"dev"}"#,
    #"{"name":"a","type":"socket"}"#, #"{"name":"a","type":"new"}"#, #"{"name":"\\xe9","type":"file"}"#,
    #"{"name":"a","type":"symlink","linktarget":"/etc/passwd"}"#, #"{"name":"a","type":"symlink","linktarget":"../b"}"#,
    #"{"name":"a","type":"symlink"}"#, #"{"name":"a","type":"symlink","linktarget":"b","linktarget_raw":"6Q=="}"#,
    #"{"name":"a","type":"symlink","linktarget":"b","linktarget_raw":"YQBi"}"#,
    #"{"name":"a","type":"file","size":18446744073709551615}"#,
  ])
  func whatNoVolumeHasIsRefused(_ node: String) throws {
    let root = try tree(node)
    #expect(failure { _ = try entries(root) }?.code == .repositoryUnsafe)
    #expect(try paths(root).count == 1)
  }

  /// A number is used again once its file is gone, perhaps while the backup ran.
  @Test func oneNumberWithOtherBytesIsAnotherFile() throws {
    let shared = #","links":2,"inode":5,"size":1,"content":["\#(one)"]"#
    let other = #","links":2,"inode":5,"size":0,"content":[]"#
    let changed = #","links":2,"inode":5,"size":1,"content":["\#(ObjectID(sha256Of: [2]))"]"#
    let foreign = #","links":2,"inode":5,"device_id":9,"size":1,"content":["\#(one)"]"#
    let unnumbered = #","links":2,"size":1,"content":["\#(one)"]"#
    let root = try tree(
      file("a", shared), file("b", other), file("c", shared), file("d", foreign), file("e", unnumbered),
      file("f", unnumbered), file("g", changed))
    #expect(
      try entries(root).map(\.kind) == [
        .file(size: 1), .file(size: 0), .secondName(of: "a"), .file(size: 1), .file(size: 1), .file(size: 1),
        .file(size: 1),
      ])
  }
}
