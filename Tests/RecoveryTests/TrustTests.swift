import Archive
import Chain
import Foundation
import GoudCore
import Layout
import Minisign
import Synchronization
import TestSupport
import Testing
import VolumeSnapshot

@testable import Backup
@testable import Restore

/// Who vouches for what is put in place.
@Suite struct TrustTests {
  /// Three volumes, backed up and signed with the authority's key.
  private func with(_ body: (ChainFixture, String, ArchiveTrust) throws -> Void) throws {
    try inTemporaryDirectory { root in
      let fixture = try ChainFixture(root)
      for name in fixture.names { try fixture.make(name, try fixture.blocks(3)) }
      // What is in its log is in tables when it was opened again.
      _ = try Ledger(directory: "\(fixture.path("node1_data"))/rocksdb")
      let key = try SigningKey(path: "\(fixture.path("node1_data"))/validator_key") { throw TestFailure("it asked") }
      var request = BackupRequest(
        environment: "local", volumes: ["node1_data"].map(fixture.volume), directory: fixture.backups,
        compression: .none, toolVersion: "test")
      request.signer = key
      let made = try BackupWorkflow(request).run()
      #expect(made.signature.state == .trusted && made.signature.statement?.chain == fixture.chain.hex)
      try body(fixture, made.archive, ArchiveTrust(keys: [key.verifier]))
    }
  }

  private static func digest(_ bytes: [UInt8]) -> [UInt8] { Array(Digest.hex(of: bytes).utf8) }

  private func restore(_ source: RestoreSource, _ fixture: ChainFixture) throws {
    _ = try Restore(RestoreRequest(target: .directory(fixture.volumes)), from: source).run()
  }

  /// Whoever can write there waits until the signature was looked at.
  @Test func whatIsExchangedAfterTheSignatureWasCheckedIsNotPutInPlace() throws {
    try with { fixture, archive, trust in
      let source = try RestoreSource.archive(archive, trust: trust)
      // A secret of the node, in an archive whose every checksum is made to fit.
      let secret = ChainFixture.secret("jwt_secret", of: "node1_data")
      var changed = secret
      changed[0] ^= 1
      var bytes = try Data(contentsOf: URL(fileURLWithPath: archive))
      for (old, new) in [(secret, changed), (Self.digest(secret), Self.digest(changed))] {
        let place = try #require(bytes.range(of: Data(old)))
        bytes.replaceSubrange(place, with: new)
      }
      try bytes.write(to: URL(fileURLWithPath: archive))
      let line = "\(Digest.hex(of: Array(bytes)))  \(FileSystem.name(of: archive))\n"
      try Data(line.utf8).write(to: URL(fileURLWithPath: BackupName.checksum(of: archive)))
      // It is as whole as any: without a key nobody can tell.
      #expect(try ArchiveVerifier.verify(path: archive, options: ArchiveReadOptions()).checksummed)
      let before = try Data(contentsOf: URL(fileURLWithPath: "\(fixture.path("node1_data"))/jwt_secret"))
      #expect(failure { try restore(source, fixture) }?.code == .archiveChecksumMismatch)
      #expect(failure { _ = try RestoreSource.archive(archive, trust: trust) }?.code == .archiveUntrusted)
      #expect(try Data(contentsOf: URL(fileURLWithPath: "\(fixture.path("node1_data"))/jwt_secret")) == before)
    }
  }

  /// It reads what somebody else may have exchanged; so does whoever checks the checksum, and that is little code.
  @Test func rocksDBSeesNothingOfASignedArchiveBeforeItsChecksumAgrees() throws {
    try with { fixture, archive, trust in
      for (trust, isProvenAhead) in [(trust, false), (ArchiveTrust.anything, true)] {
        var restore = Restore(
          RestoreRequest(target: .directory(fixture.volumes)), from: try RestoreSource.archive(archive, trust: trust))
        let full = restore.proof.full
        let counts = Mutex<[Int]>([])
        restore.proof.full = {
          counts.withLock { [count = $2.count] in $0.append(count) }
          return try full($0, $1, $2, $3, $4)
        }
        _ = try restore.run()
        #expect(counts.withLock { $0.map { $0 > 0 } } == [isProvenAhead])
      }
    }
  }

  @Test func aRepairPutsNothingInPlaceThatNobodyVouchesFor() throws {
    try with { fixture, archive, trust in
      func repair(_ source: VolumeRepair.Source, _ trust: ArchiveTrust) -> VolumeRepair {
        VolumeRepair(
          environment: "local", node: "node1", from: source, volumes: fixture.volumes, home: "\(fixture.root)/network",
          backups: fixture.backups, trust: trust)
      }
      let stranger = ArchiveTrust(
        keys: [try #require(VerifyingKey(base64: "RWQAAAAAAAAAAFhmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZm"))])
      #expect(failure { _ = try repair(.backup(archive), stranger).plan() }?.code == .archiveUntrusted)
      #expect(try repair(.backup(archive), trust).plan().backup == archive)
      let other = ArchiveTrust(keys: trust.keys, chain: String(repeating: "0", count: 64))
      #expect(failure { _ = try repair(.backup(archive), other).plan() }?.code == .archiveUntrusted)
      #expect(try repair(.faster, stranger).plan().fromBackup == nil, "an untrusted one is none to choose")
      #expect(try repair(.faster, trust).plan().fromBackup != nil)
    }
  }

  /// A source that does not say what it holds is held to the chain by what is proven of it.
  @Test func theChainIsProvenWhereNothingIsClaimed() throws {
    try with { fixture, archive, _ in
      for (chain, code) in [(fixture.chain.hex, nil), (String(repeating: "7", count: 64), ErrorCode.archiveUntrusted)] {
        var source = try RestoreSource.archive(archive, trust: .anything)
        source.volumes = source.volumes.map {
          BackupMetadata.Volume(name: $0.name, files: $0.files, bytes: $0.bytes, databases: [])
        }
        source.isDescribed = false
        source.chain = chain
        guard let code else {
          try restore(source, fixture)
          continue
        }
        #expect(failure { try restore(source, fixture) }?.code == code)
      }
    }
  }
}
