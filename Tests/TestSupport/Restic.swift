import Foundation

/// Stock restic, of two ages.
public enum Restic: CaseIterable, Sendable {
  /// The system's: 0.14 on Debian 12.
  case system
  /// Debian 13's, 0.18, which `scripts/bootstrap test` fetches.
  case trixie

  private var program: String {
    switch self {
    case .system: "restic"
    case .trixie: Checkout.path(".build-tools/restic/usr/bin/restic")
    }
  }

  /// Runs it on a repository to its end.
  public func run(
    _ words: [String], on place: String, password: String, environment: [String: String] = [:],
    in directory: String? = nil
  ) async throws -> Finished {
    try await Programs.run(
      program, ["-r", place, "--no-cache"] + words,
      environment: environment.merging(["RESTIC_PASSWORD": password]) { $1 }, in: directory)
  }

  /// Has each of them read every byte of a repository.
  /// - Parameter options: of `check`, further ones.
  /// - Returns: what they complain of; empty when they find nothing wrong.
  public static func judge(_ place: String, password: String, _ options: [String] = []) async throws -> String {
    var complaints = ""
    for restic in allCases {
      let checked = try await restic.run(["check", "--read-data"] + options, on: place, password: password)
      guard checked.status != 0 || !checked.output.contains("no errors were found") else { continue }
      complaints += "\(restic): \(checked.output)\(checked.errors)"
    }
    return complaints
  }
}
