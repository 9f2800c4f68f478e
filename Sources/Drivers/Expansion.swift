import Foundation
public import GoudCore
import Volumes

/// Carries a plan out. Whatever stops it, running it again goes on: a disk that is enlarged already is not enlarged
/// twice, and growing a file system that has grown does nothing.
public struct Expansion: Sendable {
  /// What came of it, measured.
  public struct Report: Sendable, Encodable {
    public let plan: ExpansionPlan
    public let deviceBytes: ByteCount
    public let fileSystemBytes: ByteCount
    /// What processes may write now.
    public let available: ByteCount
    public let seconds: Double
  }

  let plan: ExpansionPlan
  /// How long the provider may take over all of it.
  let patience: Duration
  let cancellation: Cancellation
  /// Called with each command before it runs.
  let note: @Sendable (String) -> Void

  public init(
    _ plan: ExpansionPlan, patience: Duration, cancellation: Cancellation, note: @escaping @Sendable (String) -> Void
  ) {
    self.plan = plan
    self.patience = patience
    self.cancellation = cancellation
    self.note = note
  }

  /// - Throws: `io.permission-denied`, `volume.tool-missing` before anything is done;
  ///   `volume.provider-refused`, `volume.provider-timeout`; `io.failed` when the file system has not grown.
  public func run() async throws -> Report {
    try Privilege.check(try FileSystemGrowth(plan.backing))
    for program in plan.steps.flatMap(\.programs) { try Tool.require(program) }
    let began = ContinuousClock.now
    for step in plan.steps { try await carryOut(step, until: began + patience) }
    return try await measure(ContinuousClock.now - began)
  }

  private func carryOut(_ step: Step, until deadline: ContinuousClock.Instant) async throws {
    try cancellation.check()
    switch step {
    case .run(let words): _ = try await run(words, deadline)
    case .enlarge(let disk): try await enlarge(disk, deadline)
    case .awaitDevice:
      try await wait("\(plan.device.path) to have \(DiskSize.text(plan.size))", deadline) {
        rescan()
        return try device().bytes >= plan.size
      }
    }
  }

  private func enlarge(_ disk: Enlargement, _ deadline: ContinuousClock.Instant) async throws {
    let answer = try await run(disk.ask, deadline).trimmed
    guard let present = Int64(answer) else {
      throw GoudError(
        .volumeProviderRefused, "\(disk.ask.commandLine) answers '\(answer.prefix(80))', which is no size")
    }
    if present >= disk.gigabytes { return note("# it has \(present) GB already") }
    _ = try await run(disk.enlarge, deadline)
    guard let confirm = disk.confirm else { return }
    try await wait("the provider to enlarge the disk", deadline) {
      let state = try await Tool.output(confirm, within: .seconds(60)).trimmed
      guard state != "failed" else {
        throw GoudError(
          .volumeProviderRefused, "\(disk.enlarge.prefix(3).joined(separator: " ")): the modification failed",
          hint: "see the volume's state at the provider, and run this again")
      }
      return ["optimizing", "completed"].contains(state)
    }
  }

  private func run(_ words: [String], _ deadline: ContinuousClock.Instant) async throws -> String {
    note(words.commandLine)
    return try await Tool.output(words, within: deadline - ContinuousClock.now)
  }

  private func wait(
    _ what: String, _ deadline: ContinuousClock.Instant, _ condition: () async throws -> Bool
  ) async throws {
    note("# waiting for \(what)")
    while try await !condition() {
      try cancellation.check()
      guard ContinuousClock.now < deadline else { throw Tool.timeout("waited for \(what), which has not come") }
      try await Task.sleep(for: .milliseconds(500))
    }
  }

  /// SCSI disks are looked at anew only when the kernel is told; others have no such file.
  private func rescan() {
    let path = "/sys/class/block/\(FileSystem.name(of: plan.device.path))/device/rescan"
    if let file = FileHandle(forWritingAtPath: path) { try? file.write(contentsOf: Data("1\n".utf8)) }
  }

  private func device() throws -> BlockDevice {
    guard let device = try BlockDevice(at: plan.path), device.path == plan.device.path else {
      throw GoudError(.ioFailed, "\(plan.path) is not on \(plan.device.path) any more")
    }
    return device
  }

  private func measure(_ duration: Duration) async throws -> Report {
    let device = try device()
    let size = try await FileSystemGrowth(plan.backing).size(device, plan.backing.mountPoint)
    guard device.bytes >= plan.size, FileSystemGrowth.fills(size, device) else {
      throw GoudError(
        .ioFailed, "the file system covers \(size) of \(device.path), which has \(device.bytes)",
        hint: "see the kernel's log, and run this again", context: ["device": device.path])
    }
    return Report(
      plan: plan, deviceBytes: device.bytes, fileSystemBytes: size,
      available: try FileSystem.room(at: plan.path).available, seconds: duration / .seconds(1))
  }
}

extension String {
  var trimmed: String { trimmingCharacters(in: .whitespacesAndNewlines) }
}
