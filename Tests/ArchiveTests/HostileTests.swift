import Archive
import Foundation
import GoudCore
import TestSupport
import Testing

/// Archives that somebody made to do harm, with valid tar headers and no checksums to hide behind.
@Suite struct HostileTests {
  /// Runs `script` (Python) with `tar` open for writing and helpers at hand, and unpacks what it wrote.
  private func unpack(_ script: String, limit: Int64 = 1 << 30) async throws -> GoudError? {
    try await withTemporaryDirectory { scratch in
      let prelude = """
        import tarfile, io, json, sys
        root = "goud-chain-backup-local-20260102-030405"
        tar = tarfile.open(sys.argv[1], "w:gz", format=tarfile.PAX_FORMAT)
        def add(name, data=b"", kind=tarfile.REGTYPE, link="", size=None):
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = kind, link, len(data) if size is None else size
            tar.addfile(info, io.BytesIO(data))
        def metadata(files=1, bytes=3, volumes=("v",), version=1, **more):
            add(root + "/metadata.json", json.dumps({"formatVersion": version, "name": root, "environment": "local",
                "timestamp": "2026-01-02T03:04:05Z", "host": "h", "toolVersion": "0", "volumes": [{"name": v,
                "files": files, "bytes": bytes, "databases": [], "skipped": [], "unproven": [], **more} for v in volumes]}).encode())
        def link(name, to): add(root + "/" + name, kind=tarfile.LNKTYPE, link=to)
        def holes(name, size, extents, data=b"", real=None):
            map = "%d\\n" % len(extents) + "".join("%d\\n%d\\n" % e for e in extents)
            body = map.encode() + bytes(-len(map) % 512) + data
            info = tarfile.TarInfo(root + "/v/GNUSparseFile.0/" + name)
            info.size = len(body)
            info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": root + "/v/" + name,
                "GNU.sparse.realsize": str(size)}
            tar.addfile(info, io.BytesIO(body))
        """
      let archive = "\(scratch)/hostile.tar.gz"
      let made = try await Programs.run("python3", ["-c", "\(prelude)\n\(script)\ntar.close()", archive])
      try #require(made.status == 0, "\(made.errors)")
      var options = ArchiveReadOptions()
      options.allowUnverified = true
      options.unpackLimit = limit
      defer {
        let names = Set((try? FileSystem.names(in: scratch)) ?? [])
        #expect(
          names.isSubset(of: ["hostile.tar.gz", "hostile.tar.gz.sha256", "out"]),
          "something was written outside: \(names)")
      }
      do {
        _ = try Sample.extract(archive, to: "\(scratch)/out", options: options)
        return nil
      } catch let error as GoudError {
        return error
      }
    }
  }

  @Test func theHarmlessArchiveOfTheseTestsIsRead() async throws {
    #expect(try await unpack(#"metadata(); add(root + "/v/a", b"abc")"#) == nil)
  }

  @Test(arguments: [
    #"metadata(); add(root + "/v/../../../escape", b"abc")"#,
    #"metadata(); add("/escape", b"abc")"#,
    #"metadata(); add("../escape", b"abc")"#,
    // A slash and a combining accent are one character to a reader of text, two to the file system.
    #"metadata(); add(root + "/v/../\u0301escape", b"abc")"#,
    #"metadata(); add("/\u0301escape/v/a", b"abc")"#,
    #"metadata(); add(root + "/v/l", kind=tarfile.SYMTYPE, link="../\u0301x")"#,
    #"metadata(); add(root + "/v/l", kind=tarfile.SYMTYPE, link="/\u0301x")"#,
    #"metadata(); add(root + "/v/l", kind=tarfile.SYMTYPE, link="")"#,
    #"metadata(); add(root + "/v/" + "n" * 256, b"abc")"#,
    #"metadata(); add(root + "/v/" + "d/" * 3000 + "f", b"abc")"#,
    #"metadata(); add(root + "/v/./a", b"abc")"#,
    #"metadata(); add(root + "/v//a", b"abc")"#,
    #"metadata(); add("other/v/a", b"abc")"#,
    #"metadata(); add(root + "/unknown/a", b"abc")"#,
    #"metadata(); add(root + "/v", b"abc")"#,
    #"metadata(); add(root + "/v/l", kind=tarfile.SYMTYPE, link="/etc/passwd")"#,
    #"metadata(); add(root + "/v/l", kind=tarfile.SYMTYPE, link="../../x")"#,
    #"metadata(); add(root + "/v/l", kind=tarfile.SYMTYPE, link=".."); add(root + "/v/l/x", b"abc")"#,
    #"metadata(); add(root + "/v/l", kind=tarfile.SYMTYPE, link="d"); add(root + "/v/l/x", b"abc")"#,
    #"metadata(); add(root + "/v/a", b"abc"); add(root + "/v/b", kind=tarfile.LNKTYPE, link=root + "/v/a")"#,
    #"metadata(); add(root + "/v/d", kind=tarfile.CHRTYPE)"#,
    #"metadata(); add(root + "/v/d", kind=tarfile.BLKTYPE)"#,
    #"metadata(); add(root + "/v/d", kind=tarfile.FIFOTYPE)"#,
    #"metadata(files=2, bytes=6); add(root + "/v/a", b"abc"); add(root + "/v/a", b"abc")"#,
    #"metadata(files=2, bytes=6); add(root + "/v/a", b"abc"); add(root + "/v/a/b", b"abc")"#,
    #"metadata(); add(root + "/v/a", b"abcd")"#,
    #"metadata(); add(root + "/v/a", b"abc"); add(root + "/v/b", b"")"#,
    #"metadata(); add(root + "/v/a", b"abc"); metadata()"#,
    #"metadata(volumes=("..",)); add(root + "/../a", b"abc")"#,
    #"metadata(volumes=("v", "v")); add(root + "/v/a", b"abc")"#,
    #"add(root + "/v/a", b"abc"); metadata()"#,
    // Second names: of what comes later, is elsewhere, is no file, or leads out.
    #"metadata(version=2, secondNames=1); link("v/b", root + "/v/a"); add(root + "/v/a", b"abc")"#,
    #"metadata(version=2, secondNames=1, volumes=("v", "w")); add(root + "/v/a", b"abc"); link("w/b", root + "/v/a")"#,
    #"metadata(version=2, secondNames=1); add(root + "/v/a", b"abc"); link("v/b", root + "/metadata.json")"#,
    #"metadata(version=2, secondNames=1); add(root + "/v/a", b"abc"); link("v/b", "/etc/passwd")"#,
    #"metadata(version=2, secondNames=1); add(root + "/v/a", b"abc"); link("v/b", root + "/v/../../../secret")"#,
    #"metadata(version=2, secondNames=1); add(root + "/v/d", kind=tarfile.DIRTYPE); link("v/b", root + "/v/d")"#,
    #"metadata(version=2, secondNames=1); add(root + "/v/a", b"abc"); link("v/a", root + "/v/a")"#,
    #"metadata(version=2, secondNames=1); add(root + "/v/a", b"abc"); link("v/b", root + "/v/a"); link("v/c", root + "/v/a")"#,
    #"metadata(version=2, secondNames=1); add(root + "/v/l", kind=tarfile.SYMTYPE, link="a"); link("v/b", root + "/v/l")"#,
    // Holes: more data than declared, extents that overlap or leave the file.
    #"metadata(version=2, bytes=3); holes("a", 1 << 30, [(0, 512)], bytes(512))"#,
    // Numbers that no volume has.
    #"metadata(files=-1); add(root + "/v/a", b"abc")"#,
    #"metadata(bytes=-1); add(root + "/v/a", b"abc")"#,
    #"metadata(files=2**62); add(root + "/v/a", b"abc")"#,
    #"metadata(bytes=2**62 + 1, volumes=("v", "w")); add(root + "/v/a", b"abc")"#,
    #"metadata(secondNames=-3); add(root + "/v/a", b"abc")"#,
  ])
  func harmfulEntriesAreRefused(_ script: String) async throws {
    let error = try await unpack(script)
    #expect(error?.code == .archiveUnsafe, "\(error.map { "\($0)" } ?? "accepted")")
  }

  @Test func aVolumeThatTheMetadataNamesMustBeThere() async throws {
    #expect(try await unpack("metadata()")?.code == .archiveCorrupt)
    #expect(try await unpack(#"metadata(files=2, bytes=6); add(root + "/v/a", b"abc")"#)?.code == .archiveCorrupt)
  }

  @Test func aNewerFormatIsRefused() async throws {
    #expect(try await unpack(#"metadata(version=3); add(root + "/v/a", b"abc")"#)?.code == .archiveUnsupported)
  }

  @Test func aSizeThatTheHeaderExaggeratesIsFound() async throws {
    // The header says 3000 bytes and the metadata agrees; the data ends after 2.
    let error = try await unpack(
      """
      import os
      metadata(bytes=3000)
      info = tarfile.TarInfo(root + "/v/a")
      info.size = 3000
      tar.fileobj.write(info.tobuf() + b"ab")
      tar.fileobj.close()
      os._exit(0)
      """)
    #expect(error?.code == .archiveCorrupt)
  }

  @Test func theHarmlessArchiveWithHolesAndSecondNamesIsRead() async throws {
    let script = """
      metadata(version=2, files=2, bytes=515, secondNames=1); add(root + "/v/a", b"abc"); link("v/b", root + "/v/a")
      holes("h", 1 << 40, [(1 << 30, 512)], bytes(512))
      """
    #expect(try await unpack(script) == nil)
  }

  @Test func extentsThatLeaveTheirFileAreRefused() async throws {
    for extents in [
      "[(4000, 512)]", "[(1 << 62, 512)]", "[(-1, 512)]", "[(0, -1)]", "[(0, 1024), (512, 512)]",
      "[(2048, 512), (0, 512)]",
    ] {
      let error = try await unpack("metadata(version=2, bytes=2000); holes('a', 4096, \(extents), bytes(512))")
      #expect(error?.code == .archiveUnsafe || error?.code == .archiveCorrupt, "\(extents)")
    }
  }

  /// 40 MB of a map, which libarchive would keep in memory several times over.
  @Test func aMapOfHolesLongerThanAnyIsRefused() async throws {
    let script = "metadata(version=2, bytes=2000); holes('a', 1 << 40, [(i * 1024, 0) for i in range(4000000)])"
    #expect(try await unpack(script)?.code == .archiveUnsafe)
  }

  @Test func aBombIsRefusedBeforeItUnpacks() async throws {
    // 100 GB declared by the entry, 3 bytes by the metadata.
    let error = try await unpack(
      #"metadata(); info = tarfile.TarInfo(root + "/v/a"); info.size = 100 << 30; tar.fileobj.write(info.tobuf()); tar.fileobj.write(bytes(1 << 20))"#
    )
    #expect(error?.code == .archiveUnsafe)
  }

  @Test func aChecksumListThatNoArchiveNeedsIsRefused() async throws {
    // 64 MB of list for one file.
    let error = try await unpack(
      #"metadata(); add(root + "/v/a", b"abc"); add(root + "/CHECKSUMS.sha256", bytes(64 << 20))"#)
    #expect(error?.code == .archiveUnsafe)
  }

  @Test func anArchiveWithoutItsEndIsFound() async throws {
    let script = #"metadata(); add(root + "/v/a", b"abc"); tar.fileobj.close(); sys.exit(0)"#
    #expect(try await unpack(script)?.code == .archiveCorrupt)
    let zeros = #"metadata(bytes=4096); add(root + "/v/a", bytes(4096)); tar.fileobj.close(); sys.exit(0)"#
    #expect(try await unpack(zeros)?.code == .archiveCorrupt)
    let half =
      #"metadata(); add(root + "/v/a", b"abc"); tar.fileobj.write(bytes(512)); tar.fileobj.close(); sys.exit(0)"#
    #expect(try await unpack(half)?.code == .archiveCorrupt)
  }

  @Test(arguments: ["b'x'", "bytes(511) + b'x'", "open(sys.argv[1], 'rb').read()"])
  func whatFollowsTheEndOfTheTarIsFound(_ garbage: String) async throws {
    let script = """
      import gzip
      metadata(); add(root + "/v/a", b"abc"); tar.close(); extra = \(garbage)
      more = gzip.open(sys.argv[1], "ab"); more.write(extra); more.close(); sys.exit(0)
      """
    #expect(try await unpack(script)?.code == .archiveCorrupt)
  }

  // MARK: The nested layout of the guide's scripts

  private static let nested = """
    import gzip
    def inner(entries):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w:gz") as t:
            for name, data in entries:
                info = tarfile.TarInfo(name)
                info.size = len(data)
                t.addfile(info, io.BytesIO(data))
        return out.getvalue()
    import hashlib
    def sha(data): return hashlib.sha256(data).hexdigest()
    v = inner([("./rocksdb/CURRENT", b"MANIFEST-000001\\n"), ("./jwt_secret", b"s")])
    """

  @Test func theNestedLayoutIsRead() async throws {
    let script = """
      \(Self.nested)
      add(root + "/metadata.txt", b"timestamp: 20260102-030405\\nschema_version=1\\n")
      add(root + "/v.tar.gz", v)
      add(root + "/v.tar.gz.sha256", (sha(v) + "  /tmp/x/v.tar.gz\\n").encode())
      add(root + "/CHECKSUMS.sha256", (sha(v) + "  ./v.tar.gz\\n").encode())
      """
    #expect(try await unpack(script) == nil)
  }

  @Test func theNestedLayoutIsReadInAnyOrder() async throws {
    let script = """
      \(Self.nested)
      add(root + "/CHECKSUMS.sha256", (sha(v) + "  v.tar.gz\\n").encode())
      add(root + "/v.tar.gz", v)
      add(root + "/metadata.txt", b"x")
      """
    #expect(try await unpack(script) == nil)
  }

  @Test func aDamagedVolumeOfTheNestedLayoutIsFound() async throws {
    let script = """
      \(Self.nested)
      add(root + "/v.tar.gz", v)
      add(root + "/v.tar.gz.sha256", (sha(b"other") + "  v.tar.gz\\n").encode())
      """
    #expect(try await unpack(script)?.code == .archiveChecksumMismatch)
  }

  @Test(arguments: [#"[("../escape", b"x")]"#, #"[("/escape", b"x")]"#, #"[("a", b"x"), ("a", b"y")]"#])
  func harmfulEntriesInsideTheNestedLayoutAreRefused(_ entries: String) async throws {
    let error = try await unpack("\(Self.nested)\nadd(root + '/v.tar.gz', inner(\(entries)))")
    #expect(error?.code == .archiveUnsafe)
  }

  @Test func aBombInsideTheNestedLayoutIsRefused() async throws {
    let script = "\(Self.nested)\nadd(root + '/v.tar.gz', inner([('a', bytes(50 << 20))]))"
    #expect(try await unpack(script, limit: 1 << 20)?.code == .ioNoRoom)
    // The limit holds for all volumes together, and a file without content costs room too.
    let several = "\(Self.nested)\nfor i in range(4): add(root + '/v%d.tar.gz' % i, inner([('a', bytes(400 << 10))]))"
    #expect(try await unpack(several, limit: 1 << 20)?.code == .ioNoRoom)
    let empty = "\(Self.nested)\nadd(root + '/v.tar.gz', inner([(str(i), b'') for i in range(1000)]))"
    #expect(try await unpack(empty, limit: 1 << 20)?.code == .ioNoRoom)
  }

  @Test func theNestedLayoutMayNameItsFilesByAnyPath() async throws {
    let script = """
      \(Self.nested)
      add(root + "/v.tar.gz", v)
      add(root + "/CHECKSUMS.sha256", (sha(v) + " */backup/goud/v.tar.gz\\n").encode())
      """
    #expect(try await unpack(script) == nil)
    let damaged = script.replacingOccurrences(of: "sha(v) +", with: "sha(b'other') +")
    #expect(try await unpack(damaged)?.code == .archiveChecksumMismatch)
  }

  /// Older scripts ran `sha256sum DIRECTORY/ARCHIVE`; goud never did, so in its own form a difference is damage.
  @Test func theChecksumBesideTheArchiveMayStateAPathInTheNestedLayoutOnly() async throws {
    let beside = """
      tar.close()
      with open(sys.argv[1] + ".sha256", "w") as f:
          f.write(sha(open(sys.argv[1], "rb").read()) + " */backups/hostile.tar.gz\\n")
      sys.exit(0)
      """
    let nested = "add(root + '/v.tar.gz', v)\n\(beside)"
    #expect(try await unpack("\(Self.nested)\n\(nested)") == nil)
    let own = "metadata(); add(root + '/v/a', b'abc')\n\(beside)"
    #expect(try await unpack("\(Self.nested)\n\(own)")?.code == .archiveChecksumMismatch)
    let other = nested.replacingOccurrences(of: "/backups/hostile", with: "/backups/other")
    #expect(try await unpack("\(Self.nested)\n\(other)")?.code == .archiveChecksumMismatch)
  }

  @Test func aVolumeOfTheNestedLayoutNeedNotBeCompressed() async throws {
    let script = """
      \(Self.nested)
      add(root + "/v.tar.gz", gzip.decompress(v))
      """
    #expect(try await unpack(script) == nil)
  }
}
