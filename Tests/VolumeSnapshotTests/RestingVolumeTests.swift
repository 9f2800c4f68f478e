import Foundation
import GoudCore
import RocksDB
import TestSupport
import Testing

@testable import VolumeSnapshot

#if canImport(Glibc)
  import Glibc
#endif

/// The proof of a volume that nobody writes: what is read twice, copied or held for it is not.
@Suite struct RestingVolumeTests {
  private func options(_ scratch: String) -> SnapshotOptions { SnapshotOptions(scratch: scratch) }

  @Test func aLogAtRestIsReadWhereItIs() throws {
    try inTemporaryDirectory { scratch in
      let volume = try LoggedVolume(scratch, .reopened)
      let place = try Scratch(options(scratch))
      var capture = LogCapture(scratch: place, isAtRest: true)
      let directory = try UntrustedDirectory(root: volume.path)
      let logs = try #require(try capture.look(in: directory, Cancellation()))
      #expect(logs.count == 2 && logs.allSatisfy { $0.copy === $0.source && $0.scan.end == $0.size })
      #expect(try capture.isUnchanged(logs, in: directory))
      let judged = try CapturedLog.judge(logs, place)
      #expect(zip(judged, logs).allSatisfy { $0.copy === $1.source && $0.finding == .sound })
    }
  }

  /// What is stored of it ends at its last whole record; the log itself stays as it is.
  @Test func theTornEndOfALogAtRestIsLeftThere() throws {
    try inTemporaryDirectory { scratch in
      let volume = try LoggedVolume(scratch, .reopened)
      let whole = try volume.bytes(of: volume.newest)
      let end = LoggedVolume.lastRecord(whole)
      try volume.cut(volume.newest, to: whole.count - 1)
      let place = try Scratch(options(scratch))
      var capture = LogCapture(scratch: place, isAtRest: true)
      let logs = try #require(try capture.look(in: UntrustedDirectory(root: volume.path), Cancellation()))
      let newest = try #require(try CapturedLog.judge(logs, place).last)
      #expect(try newest.copy.readAll() == Array(whole[..<end]) && newest.finding == .sound)
      #expect(try volume.bytes(of: volume.newest) == Array(whole.dropLast()))
      _ = try VolumeProof.check(volume.path, depth: .quick, scratch: scratch)
      _ = try VolumeProof.check(volume.path, scratch: scratch)
      #expect(try volume.bytes(of: volume.newest) == Array(whole.dropLast()))
    }
  }

  /// The reader of RocksDB 9.10 may go round for ever in what is no whole record (`LogDamageTests`).
  @Test func rocksDBIsShownNoLogInPlaceThatHoldsMoreThanWholeRecords() throws {
    try inTemporaryDirectory { scratch in
      let volume = try LoggedVolume(scratch, .reopened)
      #expect(try openedInPlace(volume.path, scratch) != nil)
      let whole = try volume.bytes(of: volume.newest)
      try volume.cut(volume.newest, to: whole.count - 1)
      #expect(try openedInPlace(volume.path, scratch) == nil)
    }
  }

  /// - Returns: nil when it was not.
  private func openedInPlace(_ volume: String, _ scratch: String) throws -> DatabaseView? {
    let contents = try VolumeContents(of: volume)
    let location = try #require(contents.databases.first)
    let layout = try DatabaseLayout.find(location, in: contents.tree, isStored: true)
    return try RestingDatabase.view(location, layout, options(scratch))
  }

  @Test func anOrdinaryDatabaseIsOpenedWhereItIsAndAnyOtherIsLookedAtAsASnapshot() throws {
    try inTemporaryDirectory { scratch in
      let volume = try SmallVolume(scratch)
      func view() throws -> DatabaseView? { try openedInPlace(volume.path, scratch) }
      let opened = try #require(try view())
      #expect(try opened.sequence == volume.take().databases[0].view?.sequence)
      let table = try #require(try volume.names("db") { $0.isTable }.first)
      try FileManager.default.createDirectory(atPath: "\(volume.path)/more", withIntermediateDirectories: true)
      try volume.write("more/000999.sst")
      #expect(try view() == nil, "tables of it may lie elsewhere")
      try FileManager.default.removeItem(atPath: "\(volume.path)/more")
      #expect(try view() != nil)
      truncate("\(volume.path)/db/\(table)", 100)
      #expect(try view() == nil, "a table is not as long as the MANIFEST says")
      #expect(throws: GoudError.self) { try VolumeProof.check(volume.path, depth: .quick, scratch: scratch) }
    }
  }

  // MARK: Proof on arrival

  /// Phases of a proof.
  private final class Phases: ProgressSink, @unchecked Sendable {
    private(set) var titles: [String] = []
    func begin(_ title: String, total: ByteCount) { titles.append(title) }
    func advance(_ bytes: Int) {}
    func end() {}
  }

  private func arrive(_ paths: [String]) throws -> ProvenFiles {
    try ProofOnArrival.run(Cancellation()) { arrived in
      for path in paths {
        let file = try Descriptor.open(path, O_RDONLY)
        try arrived(file, FileEntry(FileSystem.name(of: path), kind: .file(size: 1), status: file.status()))
      }
    }.1
  }

  private func files(_ volume: SmallVolume) throws -> [String] {
    try volume.names("db") { _ in true }.map { "\(volume.path)/db/\($0)" }
  }

  @Test func whatArrivedAndWasSoundIsNotReadAgain() throws {
    try inTemporaryDirectory { scratch in
      let volume = try SmallVolume(scratch)
      let proven = try arrive(try files(volume))
      #expect(proven.count == 1, "tables alone are proven so")
      let phases = Phases()
      let proof = try VolumeProof.check(volume.path, scratch: scratch, proven: proven, progress: phases)
      #expect(phases.titles.isEmpty && proof.databases.map(\.tables) == [1])
      _ = try VolumeProof.check(volume.path, scratch: scratch, progress: phases)
      #expect(phases.titles.count == 1)
    }
  }

  @Test func whatArrivedDamagedIsNamedByTheProofOfTheWhole() throws {
    try inTemporaryDirectory { scratch in
      let volume = try SmallVolume(scratch)
      let table = try #require(try files(volume).first { $0.hasSuffix(".sst") })
      try flip(table)
      let proven = try arrive(try files(volume))
      #expect(proven.count == 0)
      let error = #expect(throws: GoudError.self) {
        try VolumeProof.check(volume.path, scratch: scratch, proven: proven)
      }
      #expect(error?.code == .databaseCorrupt && error?.context["file"] == table)
    }
  }

  /// Its times say so, whatever they are set to.
  @Test func whatWasTouchedSinceItArrivedIsProvenAgain() throws {
    try inTemporaryDirectory { scratch in
      let volume = try SmallVolume(scratch)
      let proven = try arrive(try files(volume))
      let table = try #require(try files(volume).first { $0.hasSuffix(".sst") })
      let before = try #require(try FileSystem.status(table)).st_mtim
      try flip(table)
      try Descriptor.open(table, O_RDONLY).setTimes(before)
      let error = #expect(throws: GoudError.self) {
        try VolumeProof.check(volume.path, scratch: scratch, proven: proven)
      }
      #expect(error?.context["file"] == table)
    }
  }

  @Test func whoStopsWhileFilesArriveIsHeardAndNothingIsLeftRunning() throws {
    try inTemporaryDirectory { scratch in
      let volume = try SmallVolume(scratch)
      let files = try files(volume)
      let cancellation = Cancellation()
      let error = #expect(throws: GoudError.self) {
        try ProofOnArrival.run(cancellation) { arrived in
          cancellation.cancel(signal: SIGINT)
          // More than are held at once.
          for path in Array(repeating: files, count: 100).joined() {
            let file = try Descriptor.open(path, O_RDONLY)
            try arrived(file, FileEntry(FileSystem.name(of: path), kind: .file(size: 1), status: file.status()))
          }
        }
      }
      #expect(error?.code == .interrupted)
      struct Failure: Error {}
      #expect(throws: Failure.self) { try ProofOnArrival.run(Cancellation()) { _ in throw Failure() } }
    }
  }

  /// One byte of its first block.
  private func flip(_ path: String) throws {
    let file = try Descriptor.open(path, O_RDWR)
    var bytes = try file.readAll()
    bytes[5] ^= 1
    try bytes.withUnsafeBytes { try file.write($0, at: 0) }
  }
}

extension Descriptor {
  fileprivate func setTimes(_ time: timespec) throws {
    guard futimens(fd, [time, time]) == 0 else { throw GoudError.system("set the times of", path) }
  }
}
