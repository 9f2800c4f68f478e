import BlobStore
import Foundation
import GoudCore
import Rclone
import Synchronization
import TestSupport
import Testing

/// What a repository needs of every store.
@Suite struct RepositoryContractTests {
  @Test(arguments: StoreKind.allCases)
  func namesInFoldersAreListedFromTheLocationOn(_ kind: StoreKind) async throws {
    try await kind.run { store in
      for name in ["config", "data/ab/one", "data/ab/two", "data/cd/three", "index/four", "data-not/five"] {
        try store.put(Array(name.utf8), as: name)
      }
      let list = { try store.list(in: $0, deep: $1).map(\.name) }
      #expect(try store.list().map(\.name) == ["config"])
      #expect(try list("", false) == ["config"])
      #expect(
        try list("", true) == [
          "config", "data-not/five", "data/ab/one", "data/ab/two", "data/cd/three", "index/four",
        ])
      #expect(try list("data", false) == [])
      #expect(try list("data", true) == ["data/ab/one", "data/ab/two", "data/cd/three"])
      #expect(try list("data/ab", false) == ["data/ab/one", "data/ab/two"])
      #expect(try list("index", true) == ["index/four"])
      for missing in ["locks", "dat", "data/a", "data/ef/gh"] {
        #expect(try list(missing, false) == [] && list(missing, true) == [])
      }
      let found = try #require(try store.list(in: "data", deep: true).first)
      #expect(found.bytes == 11)
      #expect(try store.status(of: "data/ab/one")?.bytes == 11)
      #expect(try store.read(found, at: 0, count: 99) == Array("data/ab/one".utf8))
      #expect(try store.status(of: "data/ab") == nil)
    }
  }

  @Test(arguments: StoreKind.allCases)
  func oddNamesComeBackAsTheyWere(_ kind: StoreKind) async throws {
    try await kind.run { store in
      let names = [
        "a b/c d", "plus+and&=", "quote\"and'", "50%", "50%25", "~", "hash#and?", "[x]", "(y)", "snow\u{2603}man", "-",
        "a..b",
        "\u{e4}", "Upper/lower", "comma,semi;colon:", String(repeating: "n", count: 200), "back\\slash",
      ]
      for (number, name) in names.enumerated() where !number.isMultiple(of: 2) {
        try store.put(Array(name.utf8), as: name)
      }
      for (number, name) in names.enumerated() where number.isMultiple(of: 2) {
        let upload = try store.upload(name, estimate: 100)
        try Array(name.utf8).withUnsafeBytes(upload.write)
        try upload.finish()
      }
      #expect(try store.list(in: "", deep: true).map(\.name) == names.sorted())
      for name in names { #expect(try store.read(name) == Array(name.utf8), "\(name)") }
      try store.delete(names)
      #expect(try store.list(in: "", deep: true) == [])
    }
  }

  @Test(arguments: StoreKind.allCases)
  func namesThatCouldLeaveTheLocationAreRefused(_ kind: StoreKind) async throws {
    try await kind.run { store in
      let names = [
        "", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/.", "./a", ".hidden", "a/.b", "a\0", "a\nb",
        "a\u{7f}",
        String(repeating: "n", count: 201), String(repeating: "folder/", count: 200) + "n",
      ]
      for name in names {
        let calls: [() throws -> Void] = [
          { try store.put([1], as: name) }, { _ = try store.upload(name, estimate: 1) },
          { _ = try store.read(name, at: 0, count: 1) }, { _ = try store.status(of: name) }, { try store.delete(name) },
          { try store.delete(["good", name]) }, { _ = try store.list(in: name.isEmpty ? "/" : name, deep: true) },
          { _ = try store.read(BlobStatus(name: name, bytes: 1, modified: ""), at: 0, count: 1) },
        ]
        for (number, call) in calls.enumerated() {
          let error = #expect(throws: GoudError.self, "\(name) \(number)") { try call() }
          #expect(error?.code == .usage)
        }
      }
    }
  }

  @Test(arguments: StoreKind.allCases)
  func whatSomebodyElsePutThereIsNoObject(_ kind: StoreKind) async throws {
    guard kind == .directory || kind == .rcloneServer else { return }
    let place = { @Sendable (files: String, location: String, options: StoreOptions) in
      try FileManager.default.createDirectory(atPath: "\(files)/data/.git", withIntermediateDirectories: true)
      for name in [".x", "data/.one.goud-tmp-r123456789abcdef", "data/.git/config", "data/one"] {
        try Data("x".utf8).write(to: URL(fileURLWithPath: "\(files)/\(name)"))
      }
      let store = try StoreLocation.open(location, options: options)
      #expect(try store.list(in: "", deep: true).map(\.name) == ["data/one"])
    }
    if kind == .directory {
      try await kind.with { location, options in try await onThread { try place(location, location, options) } }
    } else {
      try await ObjectServer.s3.with { location, environment, files in
        try await onThread {
          var options = StoreOptions()
          options.variables = environment
          try place("\(files)/backups", location, options)
        }
      }
    }
  }

  @Test(arguments: [StoreKind.directory, .rcloneServer, .fakeGCS])
  func moreObjectsThanAPageHoldsAreAllListed(_ kind: StoreKind) async throws {
    try await kind.run { store in
      let names = (0..<1_030).map { "data/\($0 % 7)/\(String($0 + 10_000))" }
      try inParallel(8, names) { try store.put([7], as: $0) }
      #expect(try store.list(in: "data", deep: true).map(\.name) == names.sorted())
      let third = names.filter { $0.hasPrefix("data/3/") }.sorted()
      #expect(try store.list(in: "data/3", deep: false).map(\.name) == third)
      try store.delete(Array(names[100...180]))
      #expect(try store.list(in: "", deep: true).map(\.name) == (names[..<100] + names[181...]).sorted())
    }
  }

  @Test(arguments: StoreKind.allCases)
  func aRangeEndsWhereTheObjectDoes(_ kind: StoreKind) async throws {
    try await kind.run { store in
      let content = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 11) }
      try store.put(content, as: "data/ab/one")
      try store.put([], as: "data/ab/empty")
      let read = { try store.read("data/ab/one", at: $0, count: $1) }
      #expect(try read(0, 100_000) == content)
      #expect(try read(0, 5_000_000) == content)
      #expect(try read(99_990, 10) == Array(content[99_990...]))
      #expect(try read(99_990, 11) == Array(content[99_990...]))
      #expect(try read(5, 1) == [content[5]])
      #expect(try read(5, 0) == [])
      #expect(try read(100_000, 1) == [])
      #expect(try read(1 << 40, 1 << 20) == [])
      #expect(try store.read("data/ab/one") == content)
      #expect(try store.read("data/ab/one", limit: 100_000) == content)
      #expect(try store.read("data/ab/empty") == [])
      #expect(try store.status(of: "data/ab/empty")?.bytes == 0)
      let large = #expect(throws: GoudError.self) { try store.read("data/ab/one", limit: 99_999) }
      #expect(large?.code == .blobTooLarge)
      for (name, offset) in [("data/ab/none", Int64(0)), ("none", 7), ("data/ab", 0), ("data/none/one", 1 << 40)] {
        let error = #expect(throws: GoudError.self) { try store.read(name, at: offset, count: 10) }
        #expect(error?.code == .blobNotFound, "\(name)")
      }
    }
  }

  @Test(arguments: StoreKind.allCases)
  func manyAreDeletedAtOnceAndAbsentOnesAreNothing(_ kind: StoreKind) async throws {
    try await kind.run { store in
      let names = (0..<40).map { "tail/v/\($0 % 3)/\($0)" }
      try inParallel(4, names) { try store.put([1], as: $0) }
      try store.put([1], as: "tail/kept")
      try store.delete(Array(names[..<35]) + ["tail/v/9/none", "none/at/all", "none"])
      #expect(try store.list(in: "tail", deep: true).map(\.name) == (names[35...] + ["tail/kept"]).sorted())
      try store.delete([])
      try store.delete(names)
      #expect(try store.list(in: "", deep: true).map(\.name) == ["tail/kept"])
      // What is empty now can be put into again.
      try store.put([2], as: names[0])
      #expect(try store.read(names[0]) == [2])
    }
  }

  @Test(arguments: StoreKind.allCases)
  func aPutNeverReplaces(_ kind: StoreKind) async throws {
    try await kind.run { store in
      for count in [10, 100_000, 2_000_000] {
        let name = "snapshots/\(count)"
        try store.put([UInt8](repeating: 1, count: count), as: name)
        for other in [count, 3, 3_000_000] {
          let error = #expect(throws: GoudError.self) { try store.put([UInt8](repeating: 2, count: other), as: name) }
          #expect(error?.code == .blobExists)
        }
        #expect(try store.read(name) == [UInt8](repeating: 1, count: count))
      }
      #expect(try store.list(in: "", deep: true).count == 3)
    }
  }

  /// Each from a store of its own, as two runs would.
  @Test(arguments: StoreKind.allCases.filter(\.excludes))
  func ofManyThatPutOneNameOneSucceeds(_ kind: StoreKind) async throws {
    try await kind.with { location, options in
      try await onThread {
        let stores = try (0..<3).map { _ in try StoreLocation.open(location, options: options) }
        for round in 0..<8 {
          let bytes = round.isMultiple(of: 2) ? 100 : 1_500_000
          let results = Mutex<[Int: ErrorCode?]>([:])
          try inParallel(6, Array(0..<6)) { putter in
            let content = [UInt8](repeating: UInt8(putter), count: bytes)
            do {
              try stores[putter % 3].put(content, as: "tail/v/\(round)")
              results.withLock { $0[putter] = .some(nil) }
            } catch let error as GoudError { results.withLock { $0[putter] = error.code } }
          }
          let winners = results.withLock { $0.filter { $0.value == nil }.map(\.key) }
          #expect(winners.count == 1)
          #expect(results.withLock { $0.values.allSatisfy { $0 == nil || $0 == .blobExists } })
          let content = try stores[0].read("tail/v/\(round)")
          #expect(content == [UInt8](repeating: UInt8(winners.first ?? 99), count: bytes))
        }
      }
    }
  }

  @Test(arguments: StoreKind.allCases)
  func packsGoUpFromSeveralThreads(_ kind: StoreKind) async throws {
    try await kind.run { store in
      let names = (0..<6).map { "data/\($0)/pack" }
      let pack = { @Sendable (name: String) in [UInt8](repeating: UInt8(name.utf8.dropFirst(5).first!), count: 16 << 20)
      }
      try inParallel(3, names) { try store.put(pack($0), as: $0) }
      let differing = Mutex<[String]>([])
      try inParallel(3, names) { name in
        if try store.read(name) != pack(name) { differing.withLock { $0.append(name) } }
      }
      #expect(differing.withLock { $0 } == [])
    }
  }

  @Test(arguments: StoreKind.allCases)
  func everySpellingOfALocationHasFolders(_ kind: StoreKind) async throws {
    try await kind.with { location, options in
      var options = options
      var spellings = [location, "\(location)/", "\(location)/deeper/still"]
      switch kind {
      case .directory: spellings += ["file://\(location)", "file://\(location)/x"]
      case .rcloneServer, .conditionalServer:
        options.variables["RCLONE_CONFIG_GOUDBOX_TYPE"] = "s3"
        options.variables["RCLONE_CONFIG_GOUDBOX_PROVIDER"] = "Other"
        spellings += ["s3://\(StoreKind.bucket)", "rclone:goudbox:\(StoreKind.bucket)/box"]
      case .fakeGCS: spellings += ["gs://\(StoreKind.bucket)"]
      }
      let (used, all) = (options, spellings)
      try await onThread {
        for (number, spelling) in all.enumerated() {
          let store = try StoreLocation.open(spelling, options: used)
          try store.put([UInt8(number)], as: "spelling/\(number)/one")
          #expect(try store.list(in: "spelling/\(number)", deep: true).map(\.name) == ["spelling/\(number)/one"])
          #expect(try store.list(in: "spelling", deep: true).map(\.name).contains("spelling/\(number)/one"))
          #expect(try store.read("spelling/\(number)/one") == [UInt8(number)])
          try store.delete(["spelling/\(number)/one"])
          #expect(try store.list(in: "spelling/\(number)", deep: true) == [])
        }
      }
    }
  }
}

/// Runs `body` for each value, on so many threads, and throws what was thrown last.
func inParallel<Value: Sendable>(
  _ threads: Int, _ values: [Value], _ body: @escaping @Sendable (Value) throws -> Void
) throws {
  let state = Mutex<(next: Int, failure: (any Error)?)>((0, nil))
  let group = DispatchGroup()
  for _ in 0..<threads {
    group.enter()
    Thread.detachNewThread {
      defer { group.leave() }
      while true {
        let next = state.withLock { state in
          state.next += 1
          return state.next - 1
        }
        guard next < values.count else { return }
        do { try body(values[next]) } catch { state.withLock { $0.failure = error } }
      }
    }
  }
  group.wait()
  if let failure = state.withLock({ $0.failure }) { throw failure }
}
