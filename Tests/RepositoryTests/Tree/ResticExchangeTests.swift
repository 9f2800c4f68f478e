import Foundation
import GoudCore
import Layout
import TestSupport
import Testing

@testable import Repository

/// Everything that a name, a mode and a time can be, from Goud to stock restic and from stock restic to Goud.
@Suite struct ResticExchangeTests {
  private static let piece = 1 << 20

  /// Backs up `files` beside the repository, as Goud does: pieces from several files in turns, the trees at the end.
  private func backUp(_ manifest: Manifest, _ place: Place, _ repository: Repository) throws -> Snapshot {
    let writer = RepositoryWriter(repository, index: try repository.loadIndex())
    let trees = TreeWriter(writer)
    // Files last, so that links and directories come between none of them.
    for item in manifest.items where item.kind != "file" { try trees.add(item.entry) }
    var open: [(file: TreeWriter.PendingFile, bytes: ArraySlice<UInt8>)] = []
    for item in manifest.items where item.kind == "file" {
      guard case .file = item.entry.kind else {
        try trees.add(item.entry)
        continue
      }
      let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(place.path)/\(item.path)")))
      open.append((trees.begin(item.entry), bytes[...]))
    }
    while !open.isEmpty {
      for index in open.indices.reversed() {
        let piece = open[index].bytes.prefix(Self.piece)
        open[index].bytes = open[index].bytes.dropFirst(Self.piece)
        if piece.isEmpty {
          try trees.end(open.remove(at: index).file)
        } else {
          trees.append(try writer.save(Array(piece), as: .data).id, bytes: piece.count, to: open[index].file)
        }
      }
    }
    let saved = try trees.finish()
    try writer.finish()
    var snapshot = Snapshot(
      time: Timestamp(seconds: 1_796_048_060, nanoseconds: 120_000_000), tree: saved.root, paths: ["/files"])
    (snapshot.hostname, snapshot.username, snapshot.tags) = ("host", "user", ["goud", "env=a&b"])
    (snapshot.programVersion, snapshot.goud) = ("goud 1", Array(#"{"height":7}"#.utf8))
    snapshot.summary = Snapshot.Summary()
    return snapshot
  }

  @Test func resticChecksListsAndRestoresWhateverGoudWrites() async throws {
    try await Place.make { place in
      try await OddFiles.make(in: "\(place.path)/files", foreign: false)
      let manifest = try await Manifest.of("files", in: place.path)
      let repository = try place.create()
      let snapshot = try backUp(manifest, place, repository)
      _ = try repository.saveUnpacked(try snapshot.encoded(), in: .snapshots)
      try await place.sound("check", "--read-data")
      // What restic reads as a snapshot it prints whole but for the fields it does not know.
      var known = snapshot
      (known.programVersion, known.goud, known.summary) = ("", [], nil)
      #expect(try Snapshot(decoding: Array(try await place.snapshot().utf8)) == known)

      let listed = try await place.sound("ls", "-l", "--json", "latest").utf8.split(separator: UInt8(ascii: "\n"))
      let names = try listed.dropFirst().map { try JSONDecoder().decode(Listed.self, from: Data($0)) }
      #expect(names == manifest.items.map(Listed.init))

      try await place.sound("restore", "latest", "--target", "\(place.path)/out")
      let restored = try await Manifest.of("files", in: "\(place.path)/out")
      for (one, other) in zip(restored.items, manifest.items) { #expect(one == other) }
      #expect(restored == manifest)
      #expect(Set(manifest.items.filter { $0.first.hasSuffix("a third") }.map(\.path)).count == 3)
    }
  }

  /// What `restic ls` tells of a node.
  private struct Listed: Decodable, Equatable {
    let name: String
    let path: String
    let uid: UInt32
    let size: Int64?

    init(_ item: Manifest.Item) {
      name = item.path.pathComponents().last ?? ""
      path = "/\(item.path)"
      uid = item.owner
      size = item.kind == "file" ? item.size : nil
    }
  }

  /// restic finds a file unchanged in Goud's tree by what it holds, so that a repository of both is no larger.
  @Test func resticBacksUpTheSameBytesWithoutStoringThemAgain() async throws {
    try await Place.make { place in
      try await OddFiles.make(in: "\(place.path)/files", foreign: false)
      let manifest = try await Manifest.of("files", in: place.path)
      let repository = try place.create()
      _ = try repository.saveUnpacked(try backUp(manifest, place, repository).encoded(), in: .snapshots)
      try await place.backup("files")
      let ids = try await place.sound("list", "snapshots").split(separator: "\n").map(String.init)
      let difference = try await place.sound("diff", ids[0], ids[1])
      #expect(!difference.contains("\n+") && !difference.contains("\n-"), "\(difference)")
    }
  }

  @Test func goudReadsWhateverResticBacksUp() async throws {
    try await Place.make { place in
      try await OddFiles.make(in: "\(place.path)/files", foreign: false)
      let manifest = try await Manifest.of("files", in: place.path)
      try await place.sound("init", "--repository-version", "2")
      try await place.backup("files")
      let repository = try place.open()
      let index = try repository.loadIndex()
      let loader = RepositoryReader(repository, index: index)
      let snapshot = try Snapshot(
        decoding: try repository.loadUnpacked(try #require(try repository.list(.snapshots).first?.id), in: .snapshots))
      var walk = TreeReader(loader).entries(snapshot.tree) { index.plainLength(of: $0, as: .data).map(Int64.init) }
      var found: [FileEntry] = []
      while let (entry, content) = try walk.next() {
        found.append(entry)
        guard case .file = entry.kind else { continue }
        let bytes = try content.flatMap { try loader.load($0, as: .data) }
        let wanted = try Data(contentsOf: URL(fileURLWithPath: "\(place.path)/\(entry.path)"))
        #expect(bytes == [UInt8](wanted), "\(entry.path)")
      }
      #expect(found == manifest.items.map(\.entry))
      #expect(found.contains { if case .secondName = $0.kind { true } else { false } })
      let deep = try TreeReader(loader).node(at: "files/deep/<er>/second", below: snapshot.tree)
      #expect(deep?.links == 3 && deep?.size == 3)
    }
  }
}
