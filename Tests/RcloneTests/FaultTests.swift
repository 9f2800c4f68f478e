import BlobStore
import Foundation
import GoudCore
import Rclone
import TestSupport
import Testing

/// A server of S3 behind a network that fails.
@Suite struct FaultTests {
  private static let content = (0..<9_000_001).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }

  /// Two ways to one bucket: straight, and through the fault.
  private func run(
    _ fault: FaultProxy.Fault, count: Int, healthy: Int = 0,
    _ body: @escaping @Sendable (_ straight: any BlobStore, _ faulty: any BlobStore) throws -> Void
  ) async throws {
    try await ObjectServer.s3.with { location, environment, _ in
      let endpoint = try #require(environment["AWS_ENDPOINT_URL"])
      let target = try #require(Int(endpoint.split(separator: ":").last ?? ""))
      try await FaultProxy.with(fault, count: count, healthy: healthy, to: target) { port in
        try await onThread {
          var options = StoreOptions()
          options.variables = environment
          let straight = try StoreLocation.open(location, options: options)
          options.variables["AWS_ENDPOINT_URL"] = "http://127.0.0.1:\(port)"
          try body(straight, try StoreLocation.open(location, options: options))
        }
      }
    }
  }

  @Test(arguments: [1000, 300_000, 3_000_000])
  func anObjectIsReadOverConnectionsThatAreDropped(_ bytes: Int) async throws {
    try await run(.dropped(after: bytes), count: 4) { straight, faulty in
      try straight.put(Self.content, as: "name")
      let blob = try #require(try faulty.status(of: "name"))
      #expect(try faulty.read(blob, at: 0, count: 10_000_000) == Self.content)
    }
  }

  @Test(arguments: [1000, 300_000, 3_000_000, 8_500_000])
  func anUploadOverConnectionsThatAreDroppedIsWholeOrNotThere(_ bytes: Int) async throws {
    try await run(.dropped(after: bytes), count: 4) { straight, faulty in
      let failure = Result { try faulty.put(Self.content, as: "name") }
      guard let blob = try straight.status(of: "name") else {
        #expect(throws: GoudError.self) { try failure.get() }
        return
      }
      #expect(try straight.read(blob, at: 0, count: 10_000_000) == Self.content)
    }
  }

  @Test(arguments: [500, 503, 429]) func aServerThatIsBusyForAWhileIsAskedAgain(_ status: Int) async throws {
    try await run(.answered(status), count: 3) { straight, faulty in
      try straight.put([1, 2, 3], as: "name")
      let before = try faulty.list().map(\.name)
      #expect(before == ["name"], "\(status)")
      try faulty.put([4], as: "other")
      let after = try straight.list().map(\.name)
      #expect(after == ["name", "other"], "\(status)")
    }
  }

  @Test(arguments: [
    (403, "RequestTimeTooSkewed", ErrorCode.blobClockSkew), (400, "ExpiredToken", .blobExpired),
    (400, "AuthorizationHeaderMalformed", .blobWrongRegion), (403, "AccessDenied", .blobDenied),
    (404, "NoSuchBucket", .blobBucketMissing),
  ])
  func whatAProviderRefusesIsToldByItsCause(_ status: Int, _ code: String, _ expected: ErrorCode) async throws {
    try await run(.refused(status, code: code), count: 1_000_000) { _, faulty in
      let listing = #expect(throws: GoudError.self) { try faulty.list() }
      let putting = #expect(throws: GoudError.self) { try faulty.put([1], as: "name") }
      for error in [listing, putting] {
        #expect(error?.code == expected && error?.hint != nil, "\(String(describing: error))")
      }
    }
  }

  /// As under a retention policy.
  @Test func aDeletionThatIsRefusedIsToldByWhatKeepsIt() async throws {
    try await run(.refused(403, code: "AccessDenied"), count: 1_000_000) { straight, faulty in
      try straight.put([1], as: "name")
      let error = #expect(throws: GoudError.self) { try faulty.delete("name") }
      #expect(error?.code == .blobDenied && error?.message.hasSuffix("lets nothing be deleted") == true)
      #expect(error?.hint?.contains("retention policy") == true)
    }
  }

  /// The first parts go through; then the key has expired.
  @Test func aKeyThatExpiresInMidUploadIsToldAndNothingIsLeft() async throws {
    try await run(.refused(400, code: "ExpiredToken"), count: 1_000_000, healthy: 3) { straight, faulty in
      let upload = try faulty.upload("name", estimate: 40_000_000)
      let error = #expect(throws: GoudError.self) {
        for _ in 0..<4 { try Self.content.withUnsafeBytes(upload.write) }
        try upload.finish()
      }
      try upload.abandon()
      #expect(error?.code == .blobExpired, "\(String(describing: error))")
      let left = try straight.list()
      #expect(left == [])
    }
  }

  /// The object is there; only nobody was told.
  @Test(arguments: [1, 3_000_000]) func aPutWhoseAnswerWasLostIsNotSaidToBeThereAlready(_ bytes: Int) async throws {
    try await run(.unanswered, count: 1, healthy: 1) { straight, faulty in
      // By a connection that stays.
      #expect(try faulty.status(of: "name") == nil)
      let content = [UInt8](Self.content[..<bytes])
      try faulty.put(content, as: "data/name")
      #expect(try straight.read("data/name") == content)
      let error = #expect(throws: GoudError.self) { try faulty.put(content, as: "data/name") }
      #expect(error?.code == .blobExists)
    }
  }

  @Test func aServerThatOnlyFailsIsSaidToBeUnreachable() async throws {
    try await run(.answered(500), count: 1_000_000) { _, faulty in
      let error = #expect(throws: GoudError.self) { try faulty.list() }
      #expect(error?.code == .blobUnreachable && error?.hint != nil)
      #expect(throws: GoudError.self) { try faulty.put([1], as: "name") }
    }
  }
}
