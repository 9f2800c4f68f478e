import GoudCore
import Testing

@testable import Repository

@Suite struct TreeWriterTests {
  private let blobs = MemoryBlobs()
  private let one = ObjectID(sha256Of: [1])
  private let two = ObjectID(sha256Of: [2])

  private func entries(_ root: ObjectID) throws -> [EntryWalk.Element] {
    var walk = TreeReader(blobs).entries(root)
    var found: [EntryWalk.Element] = []
    while let next = try walk.next() { found.append(next) }
    return found
  }

  @Test func everyFieldOfAnEntryComesBack() throws {
    let writer = TreeWriter(blobs)
    var given = [
      FileEntry(path: "d", kind: .directory, mode: 0o3751, owner: 1, group: 2, modified: (-1, 999_999_999)),
      FileEntry(
        path: "d/f", kind: .file(size: 5), mode: 0o6755, owner: 4_294_967_295, group: 3, modified: (1 << 33, 1),
        attributes: ["user.a": [0, 255], "user.b": []], extents: [0..<1]),
      FileEntry(path: "d/l", kind: .link(target: "../d/\u{fc}"), mode: 0o777, owner: 0, group: 0, modified: (5, 0)),
    ]
    try writer.add(given[0])
    try writer.add(given[2])
    try writer.add(given[1], content: [one, two, one], bytes: 5)
    let saved = try writer.finish()
    let found = try entries(saved.root)
    // Holes are bytes like any others.
    given[1].extents = nil
    #expect(found.map(\.entry) == given)
    #expect(found.map(\.content) == [[], [one, two, one], []])
    #expect(saved.trees == 2 && saved.newTrees == 2 && saved.storedBytes > 0)
  }

  @Test func namesAreInTheOrderOfTheirBytesWhateverOrderTheyCameIn() throws {
    let names = [
      "a", "a b", "a.b", "a0", "b", "B", "\u{e9}", "e\u{301}", "\u{10000}", "\u{ff5e}", "a/b", "a/a", "a0/z",
    ]
    func tree(_ names: [String]) throws -> ObjectID {
      let writer = TreeWriter(blobs)
      for name in ["a", "a0"] { try writer.add(.plain(name, .directory)) }
      for name in names where name != "a" && name != "a0" { try writer.add(.plain(name, .file(size: 0))) }
      return try writer.finish().root
    }
    let root = try tree(names)
    #expect(try tree(names.reversed()) == root)
    let sorted = names.filter { !$0.containsSlash }.map(\.nameBytes).sorted { $0.lexicographicallyPrecedes($1) }
    #expect(try TreeReader(blobs).tree(root).nodes.map(\.name) == sorted)
  }

  @Test func blobsComeLaterAndInTurns() throws {
    let writer = TreeWriter(blobs)
    let files = [writer.begin(.plain("a", .file(size: 3))), writer.begin(.plain("b", .file(size: 0)))]
    writer.append(one, bytes: 1, to: files[0])
    try writer.end(files[1])
    try writer.add(.plain("c", .directory))
    writer.append(two, bytes: 2, to: files[0])
    try writer.end(files[0])
    #expect(try entries(try writer.finish().root).map(\.content) == [[one, two], [], []])
  }

  @Test func anUnchangedTreeIsNotStoredAgain() throws {
    func save() throws -> TreeWriter.Saved {
      let writer = TreeWriter(blobs)
      try writer.add(.plain("d", .directory))
      try writer.add(.plain("d/f", .file(size: 1)), content: [one], bytes: 1)
      return try writer.finish()
    }
    let (first, second) = (try save(), try save())
    #expect(first.root == second.root && second.newTrees == 0 && second.storedBytes == 0)
  }

  @Test func anEmptyBackupHasAnEmptyRoot() throws {
    let saved = try TreeWriter(blobs).finish()
    #expect(try blobs.load(saved.root, as: .tree) == Array("{\"nodes\":[]}\n".utf8))
  }

  @Test func theNamesOfAFileHaveOneNumberWhicheverCameFirst() throws {
    func nodes(_ order: [String]) throws -> [[Node]] {
      let writer = TreeWriter(blobs)
      try writer.add(.plain("d", .directory))
      try writer.add(.plain("other", .file(size: 1)), content: [one], bytes: 1)
      try writer.add(.plain(order[0], .file(size: 2)), content: [two], bytes: 2)
      try writer.add(.plain(order[1], .secondName(of: order[0])))
      // Of a second name, which stands for the same file.
      try writer.add(.plain(order[2], .secondName(of: order[1])))
      let root = try writer.finish().root
      let reader = TreeReader(blobs)
      let inner = try #require(try reader.node(at: "d", below: root)?.subtree)
      return [try reader.tree(root).nodes, try reader.tree(inner).nodes]
    }
    let found = try nodes(["z", "d/a", "y"])
    #expect(try nodes(["y", "z", "d/a"]) == found)
    let named = found.joined().filter { $0.links == 3 }
    #expect(named.map(\.text) == ["y", "z", "a"])
    #expect(Set(named.map(\.inode)).count == 1 && named[0].inode > 0 && named[0].deviceID > 0)
    #expect(named.allSatisfy { $0.size == 2 && $0.content == [two] })
    #expect(found[0].first { $0.text == "other" }.map { [$0.links, $0.inode] } == [1, 0])
  }

  @Test func aSecondNameIsReadAsOne() throws {
    let writer = TreeWriter(blobs)
    try writer.add(.plain("b", .file(size: 2)), content: [two], bytes: 2)
    try writer.add(.plain("a", .secondName(of: "b")))
    let found = try entries(try writer.finish().root)
    #expect(found.map(\.entry.kind) == [.file(size: 2), .secondName(of: "a")])
    #expect(found.map(\.content) == [[two], []])
  }

  @Test func aVolumeLiesBesideOtherThingsAndComesBackByItself() throws {
    let volume = [
      FileEntry.plain("", .directory), .plain("a", .file(size: 0)), .plain("b", .secondName(of: "a")),
      .plain("l", .link(target: "a")),
    ]
    let writer = TreeWriter(blobs)
    try writer.add(.plain("metadata.json", .file(size: 1)), content: [one], bytes: 1)
    for entry in volume { try writer.add(entry.moved(below: "v")) }
    let reader = TreeReader(blobs)
    let root = try #require(try reader.node(at: "v", below: try writer.finish().root))
    #expect([try root.fileEntry(at: "")] + (try entries(try #require(root.subtree)).map(\.entry)) == volume)
  }

  @Test func aDirectoryOfManyFilesAndADeepTreeAreNoMatter() throws {
    let writer = TreeWriter(blobs)
    for number in 0..<20_000 {
      try writer.add(.plain(String((number * 7919) % 20_000), .file(size: 1)), content: [one], bytes: 1)
    }
    var path = "d"
    try writer.add(.plain(path, .directory))
    for _ in 0..<2000 {
      path += "/d"
      try writer.add(.plain(path, .directory))
    }
    let found = try entries(try writer.finish().root)
    #expect(found.count == 22_001)
    #expect(found.contains { $0.entry.path == path })
  }

  // MARK: What it refuses

  @Test(arguments: ["d/f", "f/x"])
  func whatComesBeforeItsDirectoryIsAFault(_ path: String) throws {
    let writer = TreeWriter(blobs)
    try writer.add(.plain("f", .file(size: 0)))
    #expect(failure { try writer.add(.plain(path, .file(size: 0))) }?.code == .internalFault)
  }

  @Test(arguments: ["", "..", ".", "d/..", "d/", "d/a\0b", "/a"])
  func whatIsNoNameIsAFault(_ path: String) throws {
    let writer = TreeWriter(blobs)
    try writer.add(.plain("d", .directory))
    #expect(failure { try writer.add(.plain(path, .file(size: 0))) }?.code == .internalFault)
  }

  @Test func aNameThatComesTwiceIsAFault() throws {
    for kinds in [
      [FileEntry.Kind.file(size: 0), .directory], [.directory, .directory], [.link(target: "x"), .link(target: "x")],
    ] {
      let writer = TreeWriter(blobs)
      #expect(
        failure {
          for kind in kinds { try writer.add(.plain("a", kind)) }
          _ = try writer.finish()
        }?.code == .internalFault)
    }
  }

  @Test func aSizeThatTheBlobsDoNotHaveIsAFault() throws {
    let writer = TreeWriter(blobs)
    #expect(failure { try writer.add(.plain("a", .file(size: 2)), content: [one], bytes: 1) }?.code == .internalFault)
    let file = writer.begin(.plain("b", .file(size: 2)))
    writer.append(one, bytes: 3, to: file)
    #expect(failure { try writer.end(file) }?.code == .internalFault)
    #expect(failure { try writer.end(file) }?.code == .internalFault)
  }

  @Test func aFileThatWasNotEndedIsAFault() throws {
    let writer = TreeWriter(blobs)
    _ = writer.begin(.plain("a", .file(size: 0)))
    #expect(failure { _ = try writer.finish() }?.code == .internalFault)
    #expect(blobs.count == 0)
  }

  @Test(arguments: ["missing", "d", "a"])
  func aSecondNameOfWhatIsNoFileIsAFault(_ first: String) throws {
    let writer = TreeWriter(blobs)
    #expect(
      failure {
        try writer.add(.plain("d", .directory))
        try writer.add(.plain("a", .secondName(of: first)))
        _ = try writer.finish()
      }?.code == .internalFault)
  }
}
