import GoudCore
import Testing

@testable import Repository

@Suite struct SnapshotCodingTests {
  private let id = ObjectID(sha256Of: Array("x".utf8))

  private func decoded(_ text: String) throws -> Snapshot { try Snapshot(decoding: Array(text.utf8)) }

  @Test func aSnapshotIsWrittenByteForByteAsResticWritesIt() throws {
    let text =
      #"{"time":"2026-11-30T14:14:20.5+01:00","parent":"\#(id)","tree":"\#(id)","paths":["/a\u0026b"],"hostname":"h","#
      + #""username":"u","uid":1,"gid":2,"excludes":["*.tmp"],"tags":["goud","env=x"],"original":"\#(id)","program_version":"restic 0.17.0","#
      + #""summary":{"backup_start":"2026-11-30T14:14:19Z","backup_end":"2026-11-30T14:14:20Z","files_new":1,"files_changed":0,"#
      + #""files_unmodified":2,"dirs_new":3,"dirs_changed":4,"dirs_unmodified":5,"data_blobs":6,"tree_blobs":7,"data_added":8,"#
      + #""data_added_packed":9,"total_files_processed":10,"total_bytes_processed":11},"goud":{"height":[5]}}"#
    let snapshot = try decoded(text)
    #expect(String(decoding: try snapshot.encoded(), as: UTF8.self) == text)
    #expect(snapshot.tags == ["goud", "env=x"])
    #expect(snapshot.goud == Array(#"{"height":[5]}"#.utf8))
    #expect(snapshot.summary?.totalBytes == 11)
  }

  @Test func whatIsMissingOrNullHasItsDefault() throws {
    let wanted = Snapshot(time: Timestamp(seconds: 0), tree: id, paths: [])
    let least = #"{"time":"1970-01-01T00:00:00Z","tree":"\#(id)","#
    #expect(try decoded(least + #""paths":[]}"#) == wanted)
    #expect(
      try decoded(least + #""paths":null,"tags":null,"summary":null,"goud":null,"uid":null,"x":{"y":1}}"#) == wanted)
    #expect(String(decoding: try wanted.encoded(), as: UTF8.self) == least + #""paths":[]}"#)
    // Other writers leave counts out.
    #expect(try decoded(least + #""summary":{"files_new":3,"command":"x"}}"#).summary?.filesNew == 3)
  }

  @Test(arguments: [
    "", "null", "{}", #"{"time":"1970-01-01T00:00:00Z","tree":null}"#, #"{"time":"1970-01-01T00:00:00Z"}"#, "{}{}",
  ])
  func whatNamesNoTreeOrNoTimeIsDamaged(_ text: String) {
    #expect(failure { _ = try decoded(text) }?.code == .repositoryDamaged)
  }

  @Test(arguments: ["x", "[]", "{} {}", "{\"a\":1}}"])
  func whatIsNoObjectIsNotWritten(_ text: String) {
    var snapshot = Snapshot(time: .unset, tree: id, paths: [])
    snapshot.goud = Array(text.utf8)
    #expect(failure { _ = try snapshot.encoded() }?.code == .internalFault)
  }
}
