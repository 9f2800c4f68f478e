import BlobStore
import Foundation
import Rclone
import TestSupport
import Testing

/// A directory, or a real server of object storage, with a bucket of the name `bucket`.
enum StoreKind: String, CaseIterable, Sendable {
  /// `conditionalServer`: S3 that refuses to replace, as Amazon's does.
  case directory, rcloneServer, conditionalServer, fakeGCS

  static let bucket = ObjectServer.bucket

  /// Runs `body` with a location in the store, and what opens it.
  func with(_ body: @Sendable (String, StoreOptions) async throws -> Void) async throws {
    switch self {
    case .directory: try await withTemporaryDirectory { try await body("\($0)/backups", StoreOptions()) }
    case .rcloneServer: try await server(.s3, body)
    case .conditionalServer: try await Self.conditional { location, options, _ in try await body(location, options) }
    case .fakeGCS: try await server(.gcs, body)
    }
  }

  static func conditional(
    _ body: @Sendable (String, StoreOptions, ConditionalProxy) async throws -> Void
  ) async throws {
    try await ObjectServer.s3.with { location, environment, files in
      let target = try #require(Int(environment["AWS_ENDPOINT_URL"]?.split(separator: ":").last ?? ""))
      try await ConditionalProxy.with(to: target, files: files) { proxy in
        var options = StoreOptions()
        options.variables = environment
        options.variables["AWS_ENDPOINT_URL"] = "http://127.0.0.1:\(proxy.port)"
        try await body(location, options, proxy)
      }
    }
  }

  /// Whether of two that put one name exactly one succeeds, whatever they do.
  var excludes: Bool { self == .directory || self == .conditionalServer }

  /// The same with the store, on a thread of its own.
  func run(_ body: @escaping @Sendable (any BlobStore) throws -> Void) async throws {
    try await with { location, options in
      try await onThread { try body(try StoreLocation.open(location, options: options)) }
    }
  }

  private func server(
    _ server: ObjectServer, _ body: @Sendable (String, StoreOptions) async throws -> Void
  ) async throws {
    try await server.with { location, environment, _ in
      var options = StoreOptions()
      options.variables = environment
      try await body(location, options)
    }
  }
}
