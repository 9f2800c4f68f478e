import Foundation
import GoudCore
import Layout
import TestSupport
import Testing

@testable import Repository

/// What either wrote, after stock restic has copied, forgotten, pruned and rewritten it: restic restores it, and Goud reads it.
@Suite struct ResticMaintenanceTests {
  enum Writer: CaseIterable { case goud, restic }

  /// Two snapshots of `files`, which changed between them.
  /// - Returns: `files` as it was at the second.
  private func fill(_ place: Place, by writer: Writer) async throws -> Manifest {
    try await OddFiles.make(in: "\(place.path)/files", foreign: false)
    let repository = try place.create()
    for round in 0..<2 {
      if round == 1 {
        try AtomicFile.write(Array(noise(2_000_000)), to: "\(place.path)/files/deep/large")
        try FileManager.default.removeItem(atPath: "\(place.path)/files/a third")
      }
      let manifest = try await Manifest.of("files", in: place.path)
      switch writer {
      case .goud:
        let snapshot = try place.save(manifest, in: repository, at: 1_796_048_060 + Int64(round))
        _ = try repository.saveUnpacked(try snapshot.encoded(), in: .snapshots)
      case .restic: try await place.backup("files", "--host", "host")
      }
    }
    return try await Manifest.of("files", in: place.path)
  }

  /// Its newest snapshot is that of these files, to restic and to Goud, and nothing is wrong with anything.
  private func holds(_ manifest: Manifest, _ place: Place, _ what: String) async throws {
    try await place.judge(what)
    let out = "\(place.path)/out"
    try? FileManager.default.removeItem(atPath: out)
    try await place.sound("restore", "latest", "--target", out)
    let restored = try await Manifest.of("files", in: out)
    #expect(restored == manifest, "\(what)")
    let repository = try place.open()
    let report = try repository.check(.init(readData: .all))
    #expect(report.problems.isEmpty, "\(what): \(report.problems)")
    let newest = try #require(try repository.snapshots().max { $0.1.time < $1.1.time })
    let entries = try repository.entries(of: newest.1)
    #expect(entries == manifest.entries, "\(what)")
  }

  @Test(arguments: Writer.allCases, Restic.allCases)
  func whatWasWrittenIsWholeAfterResticsMaintenance(_ writer: Writer, _ restic: Restic) async throws {
    try await Place.make(with: restic) { place in
      let manifest = try await fill(place, by: writer)
      try await holds(manifest, place, "written")

      let other = Place(path: "\(place.path)/other", restic: restic)
      try FileManager.default.createDirectory(atPath: other.path, withIntermediateDirectories: false)
      try other.create()
      let copied = try await restic.run(
        ["copy", "--from-repo", place.location], on: other.location, password: Place.password,
        environment: ["RESTIC_FROM_PASSWORD": Place.password])
      #expect(copied.status == 0, "\(copied.errors)")
      try await holds(manifest, other, "copied")
      #expect(try other.open().snapshots().count == 2)

      let before = try place.files("data")
      try await place.sound("forget", "--keep-last", "1", "--group-by", "", "--prune", "--max-unused", "0")
      #expect(try place.open().snapshots().count == 1 && place.files("data") != before)
      try await holds(manifest, place, "pruned")

      let rewritten = try await place.restic("rewrite", "--forget", "--exclude", "/files/deep/large", "latest")
      // 0.14 has no such command.
      guard restic != .system || !rewritten.errors.contains("unknown command") else { return }
      #expect(rewritten.status == 0, "\(rewritten.errors)")
      // The directory itself stays as it was stored.
      let left = Manifest(items: manifest.items.filter { $0.path != "files/deep/large" })
      try await holds(left, place, "rewritten")
      try await place.sound("prune", "--max-unused", "0")
      try await holds(left, place, "rewritten and pruned")
    }
  }
}
