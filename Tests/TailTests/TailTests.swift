import BlobStore
import Foundation
import GoudCore
import Repository
import TestSupport
import Testing

@testable import Tail

/// Pieces in a directory: what was put is read, in its order and byte for byte, and nothing else ever is.
@Suite struct TailTests {
  private static let chain = TailChain(environment: "e", volume: "v", commit: "00000000000000aa")
  private static let other = TailChain(environment: "e", volume: "v", commit: "00000000000000bb")
  private static let start = Date(timeIntervalSince1970: 1_790_000_000.25)

  private func inRepository(_ body: (Repository, FaultyStore, String) throws -> Void) throws {
    try inTemporaryDirectory { scratch in
      let location = "\(scratch)/repository"
      let store = FaultyStore(DirectoryStore(location))
      let repository = try Repository.create(store, password: "p", cost: .init(rounds: 1 << 10))
      try body(repository, store, location)
    }
  }

  private static func part(_ number: Int, bytes: Int = 3000) -> TailPiece.Part {
    .init(
      path: "db/000005.log", offset: Int64(number * bytes),
      bytes: (0..<bytes).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ number &* 7) })
  }

  private static func moment(_ number: Int) -> Date { start.addingTimeInterval(Double(number)) }

  private func put(_ numbers: Range<Int>, _ writer: inout TailWriter) throws {
    for number in numbers {
      _ = try writer.put([Self.part(number)], newest: ["db": UInt64(number)], moment: Self.moment(number))
    }
  }

  private func write(_ count: Int, in repository: Repository, _ chain: TailChain = chain) throws {
    var writer = TailWriter(repository, chain)
    try put(0..<count, &writer)
  }

  private func file(_ number: UInt64, _ location: String, _ chain: TailChain = chain) -> URL {
    URL(filePath: "\(location)/\(chain.name(number))")
  }

  private func rewrite(_ file: URL, _ bytes: Data) throws {
    try? FileManager.default.removeItem(at: file)
    try bytes.write(to: file)
  }

  /// What a survey sees of a chain; reading it again gives the same.
  private func read(
    _ repository: Repository, _ chain: TailChain = chain, upTo moment: Date? = nil
  ) throws -> (pieces: [TailPiece], gap: String?, moment: Date?) {
    var pieces: [TailPiece] = []
    let survey = try TailReader(repository).survey(chain, upTo: moment) { piece, outline in
      #expect(outline.parts.map(\.count) == piece.parts.map { Int64($0.bytes.count) } && outline.number == piece.number)
      pieces.append(piece)
    }
    var again: [TailPiece] = []
    try TailReader(repository).read(survey.pieces[...], of: chain) { again.append($0) }
    #expect(again == pieces && survey.pieces.count == pieces.count)
    return (pieces, survey.gap, survey.moment)
  }

  /// What is read is the first `count` pieces as they were put, and the rest is said to be missing or not.
  private func expect(
    _ count: Int, of repository: Repository, gap: Bool, _ line: SourceLocation = #_sourceLocation
  ) throws {
    let found = try read(repository)
    #expect(found.pieces.flatMap(\.parts) == (0..<count).map { Self.part($0) }, sourceLocation: line)
    #expect((found.gap != nil) == gap, "\(found.gap ?? "no gap")", sourceLocation: line)
    #expect(found.moment == (count == 0 ? nil : Self.moment(count - 1)), sourceLocation: line)
  }

  private func code(_ body: () throws -> Void) -> ErrorCode? {
    do {
      try body()
      return nil
    } catch {
      return (error as? GoudError)?.code
    }
  }

  // MARK: Whole

  @Test func whatWasPutIsReadBack() throws {
    try inRepository { repository, _, _ in
      var writer = TailWriter(repository, Self.chain)
      let parts = [Self.part(0), .init(path: "db/000008.log", offset: 0, bytes: [1, 2, 3])]
      let stored = try writer.put(parts, newest: ["db": 17, "other": 4], moment: Self.start)
      #expect(stored > 0 && writer.number == 1)
      let found = try read(repository)
      #expect(found.gap == nil && found.pieces.count == 1)
      #expect(
        found.pieces[0]
          == TailPiece(
            chain: Self.chain, number: 0, moment: Self.start, newest: ["db": 17, "other": 4], parts: parts, before: nil)
      )
    }
  }

  @Test func manyPiecesAreReadInTheirOrder() throws {
    try inRepository { repository, _, _ in
      try write(12, in: repository)
      try expect(12, of: repository, gap: false)
    }
  }

  @Test func withoutPiecesThereIsNothingAndNoGap() throws {
    try inRepository { repository, _, _ in try expect(0, of: repository, gap: false) }
  }

  @Test func nothingNewIsNoPiece() throws {
    try inRepository { repository, _, _ in
      var writer = TailWriter(repository, Self.chain)
      let stored = try writer.put([], newest: [:], moment: Self.start)
      #expect(stored == 0 && writer.number == 0)
    }
  }

  @Test func aMomentBetweenTwoPiecesLeavesTheLaterOut() throws {
    try inRepository { repository, _, _ in
      try write(4, in: repository)
      for (moment, count) in [
        (Self.start.addingTimeInterval(-0.001), 0), (Self.moment(0), 1), (Self.moment(1).addingTimeInterval(-0.001), 1),
        (Self.moment(1), 2), (Self.moment(99), 4),
      ] {
        let found = try read(repository, upTo: moment)
        #expect(found.pieces.count == count && found.gap == nil, "\(moment)")
      }
    }
  }

  @Test func whatStandsOnOtherCommitsIsDroppedAndNothingElse() throws {
    try inRepository { repository, _, _ in
      let elsewhere = TailChain(environment: "e", volume: "w", commit: "00000000000000bb")
      for chain in [Self.chain, Self.other, elsewhere] { try write(3, in: repository, chain) }
      try TailReader(repository).drop(allBut: Self.chain)
      try expect(3, of: repository, gap: false)
      #expect(try read(repository, Self.other).pieces.isEmpty)
      #expect(try read(repository, elsewhere).pieces.count == 3)
    }
  }

  // MARK: Damaged

  @Test(arguments: 0..<5 as Range<Int>)
  func aMissingPieceEndsTheChain(_ missing: Int) throws {
    try inRepository { repository, _, location in
      try write(5, in: repository)
      try FileManager.default.removeItem(at: file(UInt64(missing), location))
      // Nothing shows that there was one behind the last.
      try expect(missing, of: repository, gap: missing < 4)
    }
  }

  @Test func twoPiecesThatChangedPlacesEndTheChain() throws {
    try inRepository { repository, _, location in
      try write(5, in: repository)
      let (one, two) = (file(1, location), file(3, location))
      let bytes = (try Data(contentsOf: one), try Data(contentsOf: two))
      try rewrite(one, bytes.1)
      try rewrite(two, bytes.0)
      try expect(1, of: repository, gap: true)
    }
  }

  @Test func aPieceCutAnywhereEndsTheChain() throws {
    try inRepository { repository, _, location in
      try write(3, in: repository)
      let whole = try Data(contentsOf: file(1, location))
      for size in stride(from: 0, to: whole.count, by: 7) {
        try rewrite(file(1, location), whole.prefix(size))
        try expect(1, of: repository, gap: true)
      }
    }
  }

  @Test func aBitFlippedAnywhereEndsTheChain() throws {
    try inRepository { repository, _, location in
      try write(3, in: repository)
      let whole = try Data(contentsOf: file(1, location))
      for place in 0..<whole.count {
        var bytes = whole
        bytes[place] ^= 1 << UInt8(place % 8)
        try rewrite(file(1, location), bytes)
        try expect(1, of: repository, gap: true)
      }
    }
  }

  @Test func bytesBehindAPieceEndTheChain() throws {
    try inRepository { repository, _, location in
      try write(3, in: repository)
      try rewrite(file(1, location), Data(contentsOf: file(1, location)) + [0])
      try expect(1, of: repository, gap: true)
    }
  }

  @Test func aPieceOfAnotherCommitEndsTheChain() throws {
    try inRepository { repository, _, location in
      try write(3, in: repository)
      try write(3, in: repository, Self.other)
      for number in 0..<3 as Range<UInt64> {
        let own = try Data(contentsOf: file(number, location))
        try rewrite(file(number, location), Data(contentsOf: file(number, location, Self.other)))
        try expect(Int(number), of: repository, gap: true)
        try rewrite(file(number, location), own)
      }
    }
  }

  /// The same commit, number and volume, of another day: only what lay before tells.
  @Test func aPieceOfAnotherRunOfTheSameCommitEndsTheChain() throws {
    try inRepository { repository, _, location in
      try write(3, in: repository)
      let replayed = try Data(contentsOf: file(1, location))
      try FileManager.default.removeItem(atPath: "\(location)/\(Self.chain.folder)")
      try write(3, in: repository)
      try expect(3, of: repository, gap: false)
      // Sealed anew, the first piece has other bytes.
      try rewrite(file(1, location), replayed)
      try expect(1, of: repository, gap: true)
    }
  }

  @Test func aPieceThatIsThereTwiceEndsTheChain() throws {
    try inRepository { repository, _, location in
      try write(3, in: repository)
      try rewrite(file(3, location), Data(contentsOf: file(2, location)))
      try expect(3, of: repository, gap: true)
    }
  }

  @Test func aRepositorysOtherObjectIsNoPiece() throws {
    try inRepository { repository, _, location in
      try write(1, in: repository)
      for bytes in [[], [0], Array("{}".utf8), [255, 255, 255, 255, 0]] {
        try rewrite(file(1, location), Data(try repository.sealCompressed(bytes)))
        try expect(1, of: repository, gap: true)
      }
    }
  }

  @Test func whatANewerGoudWroteIsRefusedAndNotPassedOver() throws {
    try inRepository { repository, _, location in
      try write(1, in: repository)
      let piece = TailPiece(
        chain: Self.chain, number: 1, moment: Self.start, newest: [:], parts: [], before: nil)
      let newer = String(decoding: try piece.encoded().dropFirst(4), as: UTF8.self)
        .replacingOccurrences(of: #""version":1"#, with: #""version":2"#)
      let size = withUnsafeBytes(of: UInt32(newer.utf8.count).littleEndian) { Array($0) }
      try rewrite(file(1, location), Data(try repository.sealCompressed(size + Array(newer.utf8))))
      #expect(code { _ = try read(repository) } == .archiveUnsupported)
    }
  }

  // MARK: Two writers, and a store that fails

  @Test func aSecondWriterIsTurnedAway() throws {
    try inRepository { repository, _, _ in
      var (first, second) = (TailWriter(repository, Self.chain), TailWriter(repository, Self.chain))
      try put(0..<2, &first)
      #expect(code { try put(0..<1, &second) } == .repositoryForked)
      // And remains so; the first goes on.
      #expect(code { try put(1..<2, &second) } == .repositoryForked)
      try put(2..<3, &first)
      try expect(3, of: repository, gap: false)
    }
  }

  @Test func aPutWhoseAnswerWasLostIsNoFork() throws {
    try inRepository { repository, store, _ in
      var writer = TailWriter(repository, Self.chain)
      try put(0..<1, &writer)
      store.meet(.unanswered)
      #expect(code { try put(1..<2, &writer) } == .blobUnreachable)
      try put(2..<3, &writer)
      try expect(3, of: repository, gap: false)
    }
  }

  @Test func whatCouldNotBePutComesFirstTheNextTime() throws {
    try inRepository { repository, store, _ in
      var writer = TailWriter(repository, Self.chain)
      store.meet(.refused)
      #expect(code { try put(0..<1, &writer) } == .blobUnreachable)
      try put(1..<2, &writer)
      try expect(2, of: repository, gap: false)
    }
  }

  @Test func anEmptyPutStoresWhatWasKept() throws {
    try inRepository { repository, store, _ in
      var writer = TailWriter(repository, Self.chain)
      store.meet(.refused)
      #expect(code { try put(0..<1, &writer) } == .blobUnreachable)
      #expect(try writer.put([], newest: [:], moment: Self.moment(5)) > 0)
      try expect(1, of: repository, gap: false)
    }
  }

  /// The second of two puts that fail must not be lost behind the first.
  @Test func nothingIsLostHoweverOftenTheStoreFails() throws {
    try inRepository { repository, store, _ in
      var writer = TailWriter(repository, Self.chain)
      store.meet(.refused, .refused, .unanswered, .refused, .refused)
      for number in 0..<5 { #expect(code { try put(number..<number + 1, &writer) } == .blobUnreachable) }
      try put(5..<6, &writer)
      let found = try read(repository)
      #expect(found.gap == nil)
      #expect(found.pieces.flatMap(\.parts).flatMap(\.bytes) == (0..<6).flatMap { Self.part($0).bytes })
      #expect(found.moment == Self.moment(5) && found.pieces.last?.newest == ["db": 5])
      // No piece says that it reaches further than it does.
      for piece in found.pieces {
        let bytes = found.pieces[0...Int(piece.number)].flatMap(\.parts).reduce(0) { $0 + $1.bytes.count }
        #expect(piece.moment <= Self.moment(bytes / 3000 - 1))
      }
    }
  }

  // MARK: Gone

  /// What was put, and what may have been; nobody else's.
  @Test func whatAWriterHasPutGoesWithoutAListing() throws {
    try inRepository { repository, store, location in
      try write(2, in: repository, Self.other)
      var writer = TailWriter(repository, Self.chain)
      try put(0..<3, &writer)
      store.meet(.unanswered)
      #expect(code { try put(3..<4, &writer) } == .blobUnreachable)
      let before = store.requests.counts
      try writer.drop()
      #expect((store.requests.counts - before)[.list] == 0)
      let left = try store.list(in: "tail", deep: true).map(\.name)
      #expect(left == [Self.other.name(0), Self.other.name(1)])
    }
  }
}
