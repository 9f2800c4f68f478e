import BlobStore
import Foundation
import GoudCore
import Rclone
import TestSupport
import Testing

/// What every store must do: the directory, and each remote on a real server.
@Suite struct ContractTests {
  private static func bytes(_ count: Int) -> [UInt8] {
    var state: UInt64 = 88_172_645_463_325_252
    return (0..<count).map { _ in
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return UInt8(truncatingIfNeeded: state)
    }
  }

  private func run(_ kind: StoreKind, _ body: @escaping @Sendable (any BlobStore) throws -> Void) async throws {
    try await kind.run(body)
  }

  @Test(arguments: StoreKind.allCases)
  func anObjectComesBackByteForByteInAnyRange(_ kind: StoreKind) async throws {
    try await run(kind) { store in
      #expect(try store.list() == [])
      let content = Self.bytes(9_000_001)
      try store.put(content, as: "a.tar.gz")
      let found = try #require(try store.status(of: "a.tar.gz"))
      #expect(found.bytes == 9_000_001)
      #expect(try store.list().map(\.name) == ["a.tar.gz"])
      #expect(try store.read(found, at: 0, count: 10_000_000) == content)
      #expect(try store.read(found, at: 8_388_600, count: 16) == Array(content[8_388_600..<8_388_616]))
      #expect(try store.read(found, at: 9_000_001, count: 16) == [])
    }
  }

  @Test(arguments: StoreKind.allCases)
  func aNameThatIsTakenIsNotReplaced(_ kind: StoreKind) async throws {
    try await run(kind) { store in
      try store.put([1, 2, 3], as: "name")
      let error = #expect(throws: GoudError.self) { try store.put([4], as: "name") }
      #expect(error?.code == .blobExists)
      #expect(try store.read(try #require(try store.status(of: "name")), at: 0, count: 9) == [1, 2, 3])
    }
  }

  @Test(arguments: StoreKind.allCases)
  func anAbandonedUploadLeavesNothing(_ kind: StoreKind) async throws {
    try await run(kind) { store in
      for count in [10, 12_000_000] {
        let upload = try store.upload("half", estimate: 20_000_000)
        try Self.bytes(count).withUnsafeBytes(upload.write)
        try upload.abandon()
        #expect(try store.list() == [])
        #expect(try store.status(of: "half") == nil)
      }
    }
  }

  /// Its last bytes are on their way when the run is asked to stop: nobody else can tell whether it appears.
  @Test(arguments: StoreKind.allCases)
  func anUploadStoppedAtItsEndIsThereOrNot(_ kind: StoreKind) async throws {
    try await kind.with { location, options in
      try await onThread {
        var stopped = options
        stopped.cancellation = Cancellation()
        let store = try StoreLocation.open(location, options: stopped)
        let upload = try store.upload("late", estimate: 20_000_000)
        try Self.bytes(9_000_001).withUnsafeBytes(upload.write)
        stopped.cancellation.cancel()
        var ended = false
        do {
          try upload.finish()
          ended = true
        } catch {
          try upload.abandon()
        }
        #expect(try StoreLocation.open(location, options: options).list().map(\.name) == (ended ? ["late"] : []))
        try store.delete("late")
        #expect(try StoreLocation.open(location, options: options).list() == [])
      }
    }
  }

  @Test(arguments: StoreKind.allCases)
  func whatIsDeletedIsGoneAndDeletingItAgainIsNothing(_ kind: StoreKind) async throws {
    try await run(kind) { store in
      try store.put([1], as: "one")
      try store.put([2], as: "two")
      try store.delete("one")
      try store.delete("one")
      #expect(try store.list().map(\.name) == ["two"])
    }
  }

  @Test(arguments: StoreKind.allCases)
  func anObjectThatWasReplacedIsNoticed(_ kind: StoreKind) async throws {
    try await run(kind) { store in
      try store.put([1, 2, 3], as: "name")
      let before = try #require(try store.status(of: "name"))
      try store.delete("name")
      try store.put([1, 2, 3, 4], as: "name")
      let error = #expect(throws: GoudError.self) { try store.read(before, at: 0, count: 3) }
      #expect(error?.code == .blobChanged)
    }
  }

  @Test(arguments: [StoreKind.rcloneServer, .conditionalServer, .fakeGCS])
  func aMissingBucketIsSaidAndNotCreated(_ kind: StoreKind) async throws {
    try await kind.with { location, options in
      let other = location.replacingOccurrences(of: StoreKind.bucket, with: "goud-other")
      try await onThread {
        let store = try StoreLocation.open(other, options: options)
        let listing = #expect(throws: GoudError.self) { try store.list() }
        #expect(listing?.code == .blobBucketMissing)
        for deep in [false, true] {
          let below = #expect(throws: GoudError.self) { try store.list(in: "data", deep: deep) }
          #expect(below?.code == .blobBucketMissing)
        }
        #expect(throws: GoudError.self) { try store.put([1], as: "name") }
        #expect(throws: GoudError.self) { try store.list() }
      }
    }
  }

  @Test func aWrongKeyIsAccessDenied() async throws {
    try await StoreKind.rcloneServer.with { location, options in
      var options = options
      options.variables["AWS_SECRET_ACCESS_KEY"] = "goud/tests/another/of/realistic/length+00"
      let wrong = options
      try await onThread {
        let store = try StoreLocation.open(location, options: wrong)
        let error = #expect(throws: GoudError.self) { try store.list() }
        #expect(error?.code == .blobDenied)
        #expect(error.map { !"\($0)\($0.context)".contains("realistic") } == true)
      }
    }
  }
}
