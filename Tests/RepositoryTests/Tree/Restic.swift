import TestSupport

extension Place {
  /// Lets restic back up what lies beside the repository.
  func backup(_ arguments: String..., timeZone: String = "UTC") async throws {
    let result = try await restic.run(
      ["-q", "backup"] + arguments, on: location, password: Self.password, environment: ["TZ": timeZone], in: path)
    guard result.status == 0 else { throw TestFailure("restic backup \(arguments): \(result.errors)") }
  }

  /// The text of the one snapshot, as restic prints it.
  func snapshot() async throws -> String {
    let ids = try await sound("list", "snapshots").split(separator: "\n")
    guard ids.count == 1 else { throw TestFailure("\(ids.count) snapshots") }
    return try await sound("cat", "snapshot", String(ids[0]))
  }
}
