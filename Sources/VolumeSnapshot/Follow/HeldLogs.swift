import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// The logs of one database, held open from when they were first seen: what is deleted after its flush can still be read.
public struct HeldLogs: Sendable {
  struct Held: Sendable {
    let number: UInt64
    let name: String
    let file: Descriptor
    let identity: FileIdentity
    /// Whether the name still leads to it. A file that lost it may be written to under another.
    var isNamed = true
  }

  private let location: DatabaseLocation
  private let layout: DatabaseLayout
  private(set) var logs: [UInt64: Held] = [:]

  public init(_ location: DatabaseLocation, volume: String) throws {
    self.init(location, try DatabaseLayout.find(location, volume: volume))
  }

  init(_ location: DatabaseLocation, _ layout: DatabaseLayout) {
    (self.location, self.layout) = (location, layout)
  }

  /// Where the logs lie, relative to the volume.
  var directory: String { layout.logPath }

  /// Looks for new ones. Those that are gone stay.
  public mutating func refresh() throws {
    guard let directory = try layout.volume.directory(layout.logPath) else { throw gone }
    var present: Set<UInt64> = []
    try directory.visit { entry in
      guard entry.kind != .directory, let name = entry.text, case .log(let number) = DatabaseFileName(name) else {
        return
      }
      present.insert(number)
      let status = try directory.status(name)
      if let held = logs[number], status?.identity == held.identity { return }
      guard let file = try directory.file(name) else { return }
      logs[number] = Held(number: number, name: name, file: file, identity: try file.status().identity)
    }
    for number in logs.keys where !present.contains(number) { logs[number]?.isNamed = false }
  }

  /// Lets go of those below a number.
  mutating func drop(below number: UInt64) { logs = logs.filter { $0.key >= number } }

  private var gone: GoudError {
    GoudError(
      .volumeNoDatabase, "\(location.directory) is gone", context: ["path": location.directory])
  }
}
