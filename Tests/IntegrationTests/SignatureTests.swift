import Chain
import Foundation
import GoudCore
import TestSupport
import Testing

/// Archives that somebody vouches for, judged by the real minisign.
@Suite struct SignatureTests {
  private struct Signature: Decodable {
    struct Statement: Decodable {
      let chain: String?
      let environment: String?
    }
    let state: String
    let key: String?
    let statement: Statement?
  }

  private struct Shown: Decodable { let signature: Signature }

  private func signature(_ finished: Finished) throws -> Signature {
    try #require(finished.status == 0, "\(finished.errors)")
    return try JSONDecoder().decode(Shown.self, from: Data(finished.output.utf8)).signature
  }

  /// A home with a volume that was backed up, signed, and is there no more.
  private struct Place: Sendable {
    let fixture: Fixture
    let keys: MinisignKeys
    let volume: String
    let archive: String
    var checksum: String { "\(archive).sha256" }
    var signature: String { "\(checksum).minisig" }

    func restore(_ further: String...) async throws -> Finished {
      try await fixture.goud(["restore", archive, "--yes"] + further)
    }
  }

  private func with(_ body: @Sendable (Place) async throws -> Void) async throws {
    try await Fixture.with { fixture in
      let volume = try await fixture.makeVolume(operations: 300)
      let keys = try await MinisignKeys(in: fixture.root, "own")
      let archive = try await fixture.backUp("--sign", keys.secret)
      try FileManager.default.removeItem(atPath: volume)
      try await body(Place(fixture: fixture, keys: keys, volume: volume, archive: archive))
    }
  }

  @Test func whatGoudSignsStockMinisignVerifiesAndARestoreTrusts() async throws {
    try await with { place in
      let (fixture, keys) = (place.fixture, place.keys)
      let stock = try await keys.accepts(place.checksum)
      #expect(stock.status == 0 && stock.output.contains("goud backup environment:local taken:"), "\(stock.errors)")
      let summed = try await Programs.run(
        "sha256sum", ["-c", "\(FileSystem.name(of: place.archive)).sha256"], in: fixture.backups)
      #expect(summed.status == 0, "\(summed.errors)")
      #expect(try FileSystem.status(place.signature)?.st_mode ?? 0 & 0o777 == 0o100600)

      let listed = try await fixture.goud("backup", "list", "--trust", keys.open)
      #expect(listed.output.contains(" \(keys.id) ") && listed.output.contains("complete"), "\(listed.output)")
      #expect(try await fixture.goud("backup", "list").output.contains("\(keys.id)?"))
      for verb in ["inspect", "verify"] {
        let known = try await fixture.goud("backup", verb, place.archive, "--trust", keys.base64, "--format", "json")
        let trusted = try signature(known)
        #expect(trusted.state == "trusted" && trusted.key == keys.id && trusted.statement?.environment == "local")
        let unasked = try signature(try await fixture.goud("backup", verb, place.archive, "--format", "json"))
        #expect(unasked.state == "unknown" && unasked.key == keys.id && unasked.statement == nil)
      }
      let dry = try await place.restore("--trust", keys.open, "--dry-run", "--format", "json")
      #expect(try signature(dry).state == "trusted")
      let restored = try await place.restore("--trust", keys.base64)
      #expect(restored.status == 0 && restored.output.contains("signed by \(keys.id), which is trusted"))
      #expect(try fixture.lastOperation(place.volume) == 300)
    }
  }

  /// What stock minisign signs, in both of its formats, with whatever comment.
  @Test(arguments: ["-H", "-l"]) func whatStockMinisignSignsARestoreTrusts(_ format: String) async throws {
    try await Fixture.with { fixture in
      let volume = try await fixture.makeVolume(operations: 200)
      let keys = try await MinisignKeys(in: fixture.root, "own")
      let archive = try await fixture.backUp()
      #expect(try signature(try await fixture.goud("backup", "inspect", archive, "--format", "json")).state == "none")
      try await keys.sign("\(archive).sha256", format)
      try FileManager.default.removeItem(atPath: volume)
      let restored = try await fixture.goud("restore", "latest", "--yes", environment: ["TRUSTED_KEYS": keys.open])
      #expect(restored.status == 0, "\(restored.errors)")
      #expect(try fixture.lastOperation(volume) == 200)
    }
  }

  @Test func whatNobodySignedIsSaidAndRefusedWhereSomebodyIsTrusted() async throws {
    try await Fixture.with { fixture in
      let volume = try await fixture.makeVolume(operations: 200)
      let keys = try await MinisignKeys(in: fixture.root, "own")
      let made = try await fixture.goud("backup", "create")
      #expect(made.status == 0 && made.output.contains("not signed"), "\(made.errors)")
      let archive = try #require(
        try FileSystem.names(in: fixture.backups).first { $0.hasSuffix(".tar.gz") }.map { "\(fixture.backups)/\($0)" })
      try FileManager.default.removeItem(atPath: volume)
      for trust in [["--trust", keys.open], ["--trust", keys.base64]] {
        let message = try await fixture.expect(
          Refusal(13, "archive.untrusted"), of: ["restore", archive, "--yes", "--allow-unverified"] + trust)
        #expect(message.contains("not signed"))
        _ = try await fixture.expect(Refusal(13, "archive.untrusted"), of: ["backup", "verify", archive] + trust)
      }
      let settings = ["TRUSTED_KEYS": keys.base64]
      let untrusted = try await fixture.goud("restore", archive, "--yes", environment: settings)
      #expect(untrusted.status == 13 && untrusted.errors.contains("--trust-anything"), "\(untrusted.errors)")
      let latest = try await fixture.goud("restore", "latest", "--yes", environment: settings)
      #expect(latest.status == 10 && latest.errors.contains("untrusted"), "\(latest.errors)")
      let checked = try await fixture.goud("backup", "list", environment: settings)
      #expect(checked.output.contains("untrusted"), "\(checked.output)")
      let restored = try await fixture.goud("restore", archive, "--yes", "--trust-anything", environment: settings)
      #expect(restored.status == 0 && restored.output.contains("not signed"), "\(restored.errors)")
    }
  }

  @Test(arguments: ["other key", "cut", "garbled", "another archive's", "other archive", "other content", "renamed"])
  func whatIsNotSignedAsItStandsIsRefusedBeforeAnythingIsWritten(_ fault: String) async throws {
    try await with { place in
      let (fixture, keys) = (place.fixture, place.keys)
      try await fixture.makeVolume("node2_data", operations: 100)
      let second = try await fixture.backUp("--sign", keys.secret)
      try FileManager.default.removeItem(atPath: "\(fixture.volumes)/node2_data")
      func replace(_ path: String, by other: String) throws {
        try Data(contentsOf: URL(fileURLWithPath: other)).write(to: URL(fileURLWithPath: path))
      }
      var archive = place.archive
      var trust = keys.open
      switch fault {
      case "other key": trust = try await MinisignKeys(in: fixture.root, "other").open
      case "cut": truncate(place.signature, 200)
      case "garbled": try flipBit(in: place.signature)
      case "another archive's": try replace(place.signature, by: "\(second).sha256.minisig")
      case "other archive":
        // Everything of the second but the name.
        for end in ["", ".sha256", ".sha256.minisig"] { try replace(archive + end, by: second + end) }
      case "other content":
        try replace(archive, by: second)
      default:
        archive = "\(fixture.backups)/goud-chain-backup-local-20991231-000000.tar.gz"
        for end in ["", ".sha256", ".sha256.minisig"] { try replace(archive + end, by: place.archive + end) }
        let text = try String(contentsOfFile: "\(archive).sha256", encoding: .utf8)
        let renamed = text.prefix(66) + FileSystem.name(of: archive) + "\n"
        try renamed.write(toFile: "\(archive).sha256", atomically: true, encoding: .utf8)
      }
      if fault == "other content" {
        // Of two backups of one second the heads may agree with what was signed: then it is found while it is unpacked.
        let refused = try await fixture.goud("restore", archive, "--yes", "--trust", trust)
        #expect([12, 13].contains(refused.status), "\(refused.errors)")
      } else {
        let refusal = Refusal(13, "archive.untrusted")
        try await fixture.expect(refusal, of: ["restore", archive, "--yes", "--trust", trust])
      }
      // What is in it is read only where the signature is good, and is then found not to be what was signed.
      let verified = try await fixture.goud("backup", "verify", archive, "--trust", trust)
      #expect(verified.status == (fault == "other content" ? 12 : 13), "\(verified.errors)")
      #expect(try FileSystem.status(place.volume) == nil)
    }
  }

  /// The head is as it was signed, and what follows is not.
  @Test func whatFollowsASignedHeadIsHeldAgainstWhatWasSigned() async throws {
    try await with { place in
      try flipBit(in: place.archive)
      let digest = try await Programs.run("sha256sum", [place.archive]).output.prefix(64)
      // Whoever changes the archive can make its checksum fit, and not the signature of it.
      let refused = try await place.restore("--trust", place.keys.open)
      #expect(refused.status == 12, "\(refused.errors)")
      try "\(digest)  \(FileSystem.name(of: place.archive))\n".write(
        toFile: place.checksum, atomically: true, encoding: .utf8)
      try await place.fixture.expect(
        Refusal(13, "archive.untrusted"), of: ["restore", place.archive, "--yes", "--trust", place.keys.open])
    }
  }

  @Test func aKeyWithAPasswordSignsWithAFileOfItAndNeverAsksWithoutATerminal() async throws {
    try await Fixture.with { fixture in
      try await fixture.makeVolume(operations: 50)
      let keys = try await MinisignKeys(in: fixture.root, "own", password: "correct horse")
      let file = "\(fixture.root)/password"
      try "correct horse\n".write(toFile: file, atomically: true, encoding: .utf8)
      try await fixture.expect(Refusal(13, "signing.invalid-key"), of: ["backup", "create", "--sign", keys.secret])
      let archive = try await fixture.backUp("--sign", keys.secret, "--sign-password", file)
      #expect(try await keys.accepts("\(archive).sha256").status == 0)
      try "wrong horse\n".write(toFile: file, atomically: true, encoding: .utf8)
      let words = ["backup", "create", "--sign", keys.secret, "--sign-password", file]
      try await fixture.expect(Refusal(13, "signing.invalid-key"), of: words)
    }
  }

  @Test func theAuthoritySignsAndTheChainIsWhatARestoreMayAskFor() async throws {
    try await Fixture.with { fixture in
      let network = try SampleNetwork(fixture)
      for node in ["node1", "node2", "node3"] { try network.make(node, network.chain) }
      let chain = network.genesis.hash.hex
      let key = "\(fixture.volumes)/node1_data/validator_key"
      let made = try await fixture.goud("backup", "create", "--sign", key)
      #expect(made.status == 0 && made.output.contains("signed by"), "\(made.errors)")
      let archive = try network.archive(fixture)
      let signed = try String(contentsOfFile: "\(archive).sha256.minisig", encoding: .utf8)
      #expect(signed.contains("chain:\(chain)"))
      let other = String(repeating: "ab", count: 32)
      for words in [["--chain", other], ["--chain", other, "--allow-unverified", "--unproven"]] {
        try await fixture.expect(Refusal(13, "archive.untrusted"), of: ["restore", archive, "--yes"] + words)
      }
      let nonsense = try await fixture.goud("restore", archive, "--yes", "--chain", "06f8dab8657f")
      #expect(nonsense.status == 64 && nonsense.errors.contains("whole id"))
      let both = try await fixture.goud("restore", archive, "--yes", "--chain", chain, "--trust-anything")
      #expect(both.status == 64)
      for node in ["node1", "node2", "node3"] {
        try FileManager.default.removeItem(atPath: "\(fixture.volumes)/\(node)_data")
      }
      let verified = try await fixture.goud("backup", "verify", archive, "--level", "chain", "--chain", chain)
      #expect(verified.status == 0, "\(verified.errors)")
      let restored = try await fixture.goud("restore", "latest", "--yes", "--chain", chain)
      #expect(restored.status == 0, "\(restored.errors)")
    }
  }

  /// Its metadata claims the chain, its databases hold another, and every checksum fits.
  @Test func aChainThatIsOnlyClaimedIsNotPutInPlace() async throws {
    try await Fixture.with { fixture in
      let (network, claimed) = (try SampleNetwork(fixture), String(repeating: "cd", count: 32))
      try network.make("node1", network.chain)
      #expect(try await fixture.goud("backup", "create", "--compression", "none").status == 0)
      let name = try #require(try FileSystem.names(in: fixture.backups).first { $0.hasSuffix(".tar") })
      let script = """
        set -e; tar -xf "$1"; d=${1%.tar}; sed -i "s/$2/$3/g" "$d/metadata.json"
        cd "$d"; sum=$(sha256sum metadata.json); sed -i "s|^.*  metadata.json$|$sum|" CHECKSUMS.sha256; cd ..
        tar --format=pax -cf "$1" "$d/metadata.json" "$d/node1_data" "$d/CHECKSUMS.sha256"; sha256sum "$1" >"$1.sha256"
        rm -r "$d"
        """
      let forged = try await Programs.run(
        "bash", ["-c", script, "bash", name, network.genesis.hash.hex, claimed], in: fixture.backups)
      try #require(forged.status == 0, "\(forged.errors)")
      try FileManager.default.removeItem(atPath: "\(fixture.volumes)/node1_data")
      for words in [[], ["--unproven"]] {
        let refused = try await fixture.goud(["restore", name, "--yes", "--chain", claimed] + words)
        #expect([12, 13].contains(refused.status), "\(refused.output) \(refused.errors)")
      }
      #expect(try FileSystem.names(in: fixture.volumes).allSatisfy { $0.hasPrefix(".") })
    }
  }

  @Test func pruneAndRetentionTakeTheSignatureAlongAndUntrustedOnesStandInForNothing() async throws {
    try await Fixture.with { fixture in
      try await fixture.makeVolume(operations: 100)
      let keys = try await MinisignKeys(in: fixture.root, "own")
      let old = try await fixture.goud(
        "backup", "create", "--sign", keys.secret, days: -60)
      try #require(old.status == 0, "\(old.errors)")
      let trusting = ["TRUSTED_KEYS": keys.base64]
      let new = try await fixture.goud("backup", "create", environment: trusting)
      try #require(new.status == 0 && new.errors.contains("none of TRUSTED_KEYS signs"), "\(new.errors)")
      let prune = ["backup", "prune", "--confirm-clock"]
      let kept = try await fixture.goud(prune, environment: trusting)
      #expect(kept.status == 0, "\(kept.errors)")
      let signatures = { try FileSystem.names(in: fixture.backups).filter { $0.hasSuffix(".minisig") } }
      #expect(try signatures().count == 1, "the newer one is nobody's: the older one stays")
      let pruned = try await fixture.goud(prune)
      #expect(pruned.status == 0, "\(pruned.errors)")
      #expect(try signatures() == [])
      #expect(try FileSystem.names(in: fixture.backups).count { $0.hasSuffix(".tar.gz") } == 1)
    }
  }

  @Test(arguments: ObjectServer.allCases)
  func aSignedBackupGoesThroughABucketSealedOrNot(_ server: ObjectServer) async throws {
    try await server.with { location, environment, files in
      try await Fixture.with { fixture in
        let volume = try await fixture.makeVolume(operations: 150)
        let keys = try await MinisignKeys(in: fixture.root, "own")
        let age = try await AgeKeys(in: fixture.root, "age")
        func goud(_ words: [String]) async throws -> Finished {
          try await fixture.goud(words + ["-c", location], environment: environment)
        }
        for seal in [[], ["--recipient", age.recipient]] {
          let made = try await goud(["backup", "create", "--sign", keys.secret] + seal)
          try #require(made.status == 0, "\(made.errors)")
        }
        let objects = try FileSystem.names(in: "\(files)/backups").sorted()
        let archives = objects.filter { $0.hasSuffix(".tar.gz") || $0.hasSuffix(".age") }
        try #require(archives.count == 2)
        for archive in archives {
          #expect(try await keys.accepts("\(files)/backups/\(archive).sha256").status == 0)
          try FileManager.default.removeItem(atPath: volume)
          let open = archive.hasSuffix(".age") ? ["--identity", age.identity] : []
          let restored = try await goud(["restore", archive, "--yes", "--trust", keys.open] + open)
          #expect(restored.status == 0, "\(restored.errors)")
          #expect(try fixture.lastOperation(volume) == 150)
          let signature = "\(files)/backups/\(archive).sha256.minisig"
          try flipBit(in: signature)
          let refused = try await goud(["restore", archive, "--yes", "--trust", keys.open] + open)
          #expect(refused.status == 13 && refused.errors.contains("not trusted"), "\(refused.errors)")
          let listed = try await goud(["backup", "list", "--trust", keys.open])
          #expect(listed.output.contains("NOT GOOD"), "\(listed.output)")
        }
      }
    }
  }
}
