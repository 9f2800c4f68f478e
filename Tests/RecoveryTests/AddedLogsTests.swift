import Foundation
import GoudCore
import Repository
import Tail
import Testing

@testable import Backup

/// What a tail adds to the files of a commit: all of it, in its place, or nothing.
@Suite struct AddedLogsTests {
  private static func pieces(_ parts: [TailPiece.Part]...) -> [TailOutline] {
    let chain = TailChain(environment: "e", volume: "v", commit: "0123456789abcdef")
    return parts.enumerated().map { number, parts in
      TailOutline(
        TailPiece(chain: chain, number: UInt64(number), moment: Date(), newest: [:], parts: parts, before: nil),
        digest: ObjectID(sha256Of: [UInt8(number)]))
    }
  }

  private static func part(_ path: String, _ offset: Int64, _ text: String) -> TailPiece.Part {
    .init(path: path, offset: offset, bytes: Array(text.utf8))
  }

  private static func file(_ path: String, size: Int64) -> FileEntry {
    FileEntry(path: path, kind: .file(size: size), mode: 0o640, owner: 1, group: 2, modified: (3, 4))
  }

  private func code(_ body: () throws -> Void) -> ErrorCode? {
    do {
      try body()
      return nil
    } catch {
      return (error as? GoudError)?.code
    }
  }

  /// Gives the commit's files to it in order.
  /// - Returns: every file with its size, and whether the tail adds to it.
  private func apply(_ pieces: [TailOutline], to files: [FileEntry]) throws -> [String: (size: Int64, grows: Bool)] {
    var logs = try AddedLogs(pieces)
    var found: [String: (Int64, Bool)] = [:]
    func note(_ entry: FileEntry, _ grows: Bool) {
      if case .file(let size) = entry.kind { found[entry.path] = (size, grows) }
    }
    for var file in files {
      let grows = try logs.take(&file)
      note(file, grows)
    }
    for entry in try logs.rest() { note(entry, true) }
    return found
  }

  @Test func aLogOfTheCommitGoesOnAndNewOnesComeBehindIt() throws {
    let found = try apply(
      Self.pieces(
        [Self.part("db/000005.log", 10, "abc")],
        [Self.part("db/000005.log", 13, "de"), Self.part("db/000008.log", 0, "x")],
        [Self.part("db/000008.log", 1, "yz")]),
      to: [Self.file("db/000004.sst", size: 7), Self.file("db/000005.log", size: 10)])
    #expect(found["db/000004.sst"]! == (7, false))
    #expect(found["db/000005.log"]! == (15, true))
    #expect(found["db/000008.log"]! == (3, true))
  }

  @Test func aNewLogLooksLikeTheLogsBesideIt() throws {
    var logs = try AddedLogs(Self.pieces([Self.part("000008.log", 0, "x")]))
    var table = Self.file("000004.sst", size: 7)
    table.mode = 0o600
    var log = Self.file("000005.log", size: 1)
    _ = try logs.take(&table)
    _ = try logs.take(&log)
    let rest = try logs.rest()
    #expect(rest.count == 1 && rest[0].mode == 0o640 && rest[0].owner == 1 && rest[0].path == "000008.log")
  }

  @Test func withoutATailNothingChanges() throws {
    let found = try apply([], to: [Self.file("db/000005.log", size: 10)])
    #expect(found.count == 1 && found["db/000005.log"]! == (10, false))
  }

  @Test(arguments: [0, 2, 4] as [Int64])
  func piecesThatDoNotMeetAreDamage(_ offset: Int64) {
    #expect(
      code {
        _ = try AddedLogs(
          Self.pieces([Self.part("db/000005.log", 0, "abc")], [Self.part("db/000005.log", offset, "de")]))
      } == .repositoryDamaged)
  }

  @Test(arguments: [9, 11, 0] as [Int64])
  func aLogThatIsNotAsLongAsTheTailSaysIsDamage(_ size: Int64) {
    #expect(
      code {
        _ = try apply(
          Self.pieces([Self.part("db/000005.log", 10, "abc")]), to: [Self.file("db/000005.log", size: size)])
      } == .repositoryDamaged)
  }

  @Test func aLogWithoutItsBeginningIsDamage() {
    #expect(
      code {
        _ = try apply(
          Self.pieces([Self.part("db/000008.log", 5, "abc")]), to: [Self.file("db/000005.log", size: 10)])
      } == .repositoryDamaged)
  }

  @Test func aLogInADirectoryThatTheCommitDoesNotHaveIsDamage() {
    #expect(
      code {
        _ = try apply(
          Self.pieces([Self.part("other/000008.log", 0, "abc")]), to: [Self.file("db/000005.log", size: 10)])
      } == .repositoryDamaged)
  }

  @Test(arguments: [
    "db/CURRENT", "db/000005.sst", "db/MANIFEST-000004", "db/five.log", "db/.log", "db/٥.log", "db/5½.log",
    "../000005.log", "db/../../000005.log", "/etc/000005.log", "",
  ])
  func whatIsNoLogOrLeadsOutIsDamage(_ path: String) {
    #expect(code { _ = try AddedLogs(Self.pieces([Self.part(path, 0, "x")])) } == .repositoryDamaged)
  }

  @Test func aPlaceBeyondAllFilesIsDamage() {
    #expect(
      code { _ = try AddedLogs(Self.pieces([Self.part("db/000005.log", .max, "xx")])) } == .repositoryDamaged)
  }

  /// The link stays what it is, and its name is not made a second time: that is refused where files are made.
  @Test func nothingIsAddedToALinkThatHasALogsName() throws {
    var logs = try AddedLogs(Self.pieces([Self.part("db/000008.log", 0, "x")]))
    var link = Self.file("db/000008.log", size: 0)
    link.kind = .link(target: "CURRENT")
    let grows = try logs.take(&link)
    #expect(!grows && link.kind == .link(target: "CURRENT"))
  }

  @Test func aLogWithHolesIsNotGuessedAt() {
    var sparse = Self.file("db/000005.log", size: 10)
    sparse.extents = [0..<4]
    #expect(
      code { _ = try apply(Self.pieces([Self.part("db/000005.log", 10, "abc")]), to: [sparse]) }
        == .repositoryDamaged)
  }
}
