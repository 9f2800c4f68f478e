import BlobStore
import Foundation
import Rclone
import TestSupport

/// A directory, or a real server of object storage, with a bucket of the name `bucket`.
enum StoreKind: String, CaseIterable, Sendable {
  case directory, rcloneServer, fakeGCS

  static let bucket = ObjectServer.bucket

  /// Runs `body` with a location in the store, and what opens it.
  func with(_ body: @Sendable (String, StoreOptions) async throws -> Void) async throws {
    switch self {
    case .directory: try await withTemporaryDirectory { try await body("\($0)/backups", StoreOptions()) }
    case .rcloneServer: try await server(.s3, body)
    case .fakeGCS: try await server(.gcs, body)
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
