import Foundation
import GoudCore

/// Names are the engine's own, but for their first letter (`EngineClient.decode`).

/// A volume as the engine lists it.
struct EngineVolume: Decodable, Sendable {
  let name: String
  let mountpoint: String
  let labels: [String: String]?
  let driver: String?
  /// What the driver was told: `type`, `o` and `device`, as mount(8) takes them.
  let options: [String: String]?

  func label(_ key: String) -> String? { labels?[key] }
}

struct EngineVolumeList: Decodable { let volumes: [EngineVolume]? }

/// A container as the engine lists it.
struct EngineContainer: Decodable, Sendable {
  struct Mount: Decodable, Sendable {
    let name: String?
    let destination: String
  }
  let id: String
  let names: [String]?
  let labels: [String: String]?
  /// `created`, `running`, `restarting`, `exited` …
  let state: String
  let mounts: [Mount]?

  var name: String { names?.first.map { String($0.drop { $0 == "/" }) } ?? String(id.prefix(12)) }
  func mounts(_ volume: String) -> Bool { (mounts ?? []).contains { $0.name == volume } }
}

/// What the engine says of one container.
struct EngineInspection: Decodable, Sendable {
  struct State: Decodable, Sendable {
    let status: String
    let running: Bool
    let restarting: Bool
    let pid: Int32
    let exitCode: Int
    let startedAt: String
  }
  struct Config: Decodable, Sendable {
    let labels: [String: String]?
    let user: String?
  }
  let id: String
  let name: String?
  let state: State
  let config: Config

  /// When its process began.
  var started: Date? {
    // The engine gives nanoseconds, which the formatter does not take.
    let text = state.startedAt.prefix { $0 != "." }
    return ISO8601DateFormatter().date(from: text.hasSuffix("Z") ? String(text) : "\(text)Z")
  }
}

struct EngineImage: Decodable, Sendable {
  struct Config: Decodable, Sendable { let user: String? }
  let id: String
  let config: Config?

  /// The numeric user and group that its containers run as; root's when it names none.
  var owner: (user: UInt32, group: UInt32) {
    let parts = (config?.user ?? "").split(separator: ":").map { UInt32($0) }
    let user = parts.first.flatMap { $0 } ?? 0
    return (user, parts.count > 1 ? parts[1] ?? user : user)
  }
}

/// Why it did not do what it was asked for.
struct EngineRefusal: Decodable { let message: String }

/// What it made.
struct EngineIdentified: Decodable { let id: String }

/// What the engine says of itself.
struct EngineInfo: Decodable {
  let dockerRootDir: String
  let securityOptions: [String]?

  /// What the users and groups of its containers are more by on this machine, where it gives containers users of their
  /// own (`userns-remap`): it keeps everything in a directory of that name.
  var shift: (user: UInt32, group: UInt32) {
    let numbers = FileSystem.name(of: dockerRootDir).split(separator: ".").map { UInt32($0) }
    guard securityOptions?.contains("name=userns") == true, numbers.count == 2, let user = numbers[0],
      let group = numbers[1]
    else { return (0, 0) }
    return (user, group)
  }
}

/// The labels of what Goud makes in an engine.
enum EngineLabel {
  static let environment = "chain.goud.environment"
  static let node = "chain.goud.node"
  /// Of a container that goud runs in for a while, and whose environment it is.
  static let helper = "chain.goud.helper"
  /// The directory where it is told what to do: while its run lives, it is there.
  static let helperFile = "chain.goud.helper-file"
  /// A digest of what the container was made with.
  static let settings = "chain.goud.settings"
  static let composeVolume = "com.docker.compose.volume"
  static let composeProject = "com.docker.compose.project"
}
