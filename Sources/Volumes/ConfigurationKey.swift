import GoudCore
import Minisign

/// Every setting of Goud. A value is taken from the first of: flag, process environment,
/// `config/environments/<environment>/overrides.env`, `config/base/constants.env`, default. An empty value in the
/// environment or in a file counts as not set. None is secret. `docs/configuration.md` holds the same table; a test
/// compares the two.
///
/// | key | type | default | range |
/// |---|---|---|---|
/// | `GOUD_HOME` | path | root: `/var/lib/goud`; else `${XDG_DATA_HOME:-~/.local/share}/goud` | |
/// | `GOUD_ENVIRONMENT` | name | `local` | `[a-z0-9][a-z0-9-]*` |
/// | `DATA_DIR` | path | `/data` | absolute |
/// | `VOLUME_DRIVER` | word | `local` | `local`, `gcePersistentDisk`, `awsElasticBlockStore` |
/// | `VOLUME_IDS` | `ID`, or `NODE=ID` for each, separated by spaces | `` | letters, digits, `._/-` |
/// | `VOLUME_ZONE` | Google's zone or Amazon's region | `` | |
/// | `BACKUP_ENABLED` | boolean | `false` | `true`, `false`, `yes`, `no`, `1`, `0` |
/// | `BACKUP_DIR` | path | `$GOUD_HOME/backups` | |
/// | `BACKUP_RETENTION_DAYS` | integer, days | `30` | 1…36500 |
/// | `BACKUP_COMPRESSION` | word | `gzip` | `gzip`, `pigz`, `zstd`, `none` |
/// | `REPOSITORY` | directory, `s3://…`, `gs://…`, `rclone:…` | `` | |
/// | `BACKUP_CONTINUOUS` | boolean; needs `REPOSITORY` | `false` | `true`, `false`, `yes`, `no`, `1`, `0` |
/// | `BACKUP_EVERY` | time between two ticks | `1s` | 100ms…1h |
/// | `BACKUP_COMMIT` | time between two backups, not below the former | `1m` | 1s…24h |
/// | `BACKUP_NICE` | integer | `12` | 0…19 |
/// | `TRUSTED_KEYS` | public keys of minisign (`RW…`), or absolute paths of files that hold them, separated by spaces | `` | |
/// | `SAFETY_COPY_RETENTION_DAYS` | integer, days | `7` | 1…36500 |
/// | `VOLUME_WARNING_PERCENT` | integer, percent | `70` | 1…99, below the next |
/// | `VOLUME_CRITICAL_PERCENT` | integer, percent | `85` | 1…99 |
/// | `BIND_ADDRESS` | address, for clients | `127.0.0.1` | |
/// | `PEER_ADDRESS` | address, for peers | `127.0.0.1` | |
/// | `MANAGER_ADDRESS` | address, for the manager's page | `127.0.0.1` | |
/// | `MANAGER_PORT` | port | `8080` | 1…65535 |
/// | `MANAGER_HOSTS` | names that the manager's page answers to as well, separated by spaces | `` | host names |
/// | `NODE_HTTP_PORT` | port of the first node; the next has the next | `8081` | 1…65000 |
/// | `NODE_PEER_PORT` | port of the first node; the next has the next | `9001` | 1…65000 |
/// | `TLS_CERTIFICATE` | path of what nodes show their clients, PEM; empty: no TLS | `` | with the next, or neither |
/// | `TLS_KEY` | path of its key, PEM | `` | |
/// | `NODE_USER` | name or number of the user that nodes run as which root starts | `10001` | |
/// | `REGISTRATION` | word | `open` | `open`, `token`, `closed` |
/// | `TRUSTED_PROXIES` | addresses and networks, separated by spaces | `` | `192.0.2.7`, `10.0.0.0/8`, `2001:db8::/32` |
/// | `ACCOUNT_QUOTA_MIB` | MiB; `0`: no bound | `0` | 0…1048576 |
/// | `DISK_RESERVE_MIB` | MiB; `0`: none | `128` | 0…1048576 |
/// | `WRITE_ACKS` | nodes; `0`: a majority | `0` | 0…64 |
/// | `NODES` | names, separated by spaces | `node1 node2 node3` | `[a-z0-9][a-z0-9_-]*` each |
/// | `RUNTIME` | word; what the home was started with last | `process` | `process`, `docker` |
/// | `DOCKER_IMAGE` | image | `goud:latest` | |
/// | `NODE_MEMORY_MIB` | MiB of a container; `0`: no limit | `0` | 0…1048576 |
/// | `NODE_CPU_PERCENT` | percent of one processor, of a container; `0`: no limit | `0` | 0…100000 |
public enum ConfigurationKey: String, Sendable, CaseIterable, Codable {
  case home = "GOUD_HOME"
  case environment = "GOUD_ENVIRONMENT"
  case dataDirectory = "DATA_DIR"
  case volumeDriver = "VOLUME_DRIVER"
  case volumeIDs = "VOLUME_IDS"
  case volumeZone = "VOLUME_ZONE"
  case backupEnabled = "BACKUP_ENABLED"
  case backupDirectory = "BACKUP_DIR"
  case backupRetentionDays = "BACKUP_RETENTION_DAYS"
  case backupCompression = "BACKUP_COMPRESSION"
  case repository = "REPOSITORY"
  case backupContinuous = "BACKUP_CONTINUOUS"
  case backupEvery = "BACKUP_EVERY"
  case backupCommit = "BACKUP_COMMIT"
  case backupNice = "BACKUP_NICE"
  case trustedKeys = "TRUSTED_KEYS"
  case safetyCopyRetentionDays = "SAFETY_COPY_RETENTION_DAYS"
  case volumeWarningPercent = "VOLUME_WARNING_PERCENT"
  case volumeCriticalPercent = "VOLUME_CRITICAL_PERCENT"
  case bindAddress = "BIND_ADDRESS"
  case peerAddress = "PEER_ADDRESS"
  case managerAddress = "MANAGER_ADDRESS"
  case managerPort = "MANAGER_PORT"
  case managerHosts = "MANAGER_HOSTS"
  case nodeHTTPPort = "NODE_HTTP_PORT"
  case nodePeerPort = "NODE_PEER_PORT"
  case tlsCertificate = "TLS_CERTIFICATE"
  case tlsKey = "TLS_KEY"
  case nodeUser = "NODE_USER"
  case registration = "REGISTRATION"
  case trustedProxies = "TRUSTED_PROXIES"
  case accountQuota = "ACCOUNT_QUOTA_MIB"
  case diskReserve = "DISK_RESERVE_MIB"
  case writeAcks = "WRITE_ACKS"
  case nodes = "NODES"
  case runtime = "RUNTIME"
  case dockerImage = "DOCKER_IMAGE"
  case nodeMemory = "NODE_MEMORY_MIB"
  case nodeCPU = "NODE_CPU_PERCENT"

  /// The flag that sets it; nil when none does.
  public var flag: String? {
    switch self {
    case .environment: "--env"
    case .backupDirectory: "-d"
    case .backupCompression: "--compression"
    case .backupEvery: "--every"
    case .backupCommit: "--commit"
    case .runtime: "--runtime"
    default: nil
    }
  }

  /// What it is when nobody says otherwise; nil for the two that depend on the user and on `GOUD_HOME`.
  public var fixedDefault: String? {
    switch self {
    case .home, .backupDirectory: nil
    case .environment, .volumeDriver: "local"
    case .dataDirectory: "/data"
    case .volumeIDs, .volumeZone, .managerHosts, .trustedKeys, .tlsCertificate, .tlsKey,
      .trustedProxies, .repository:
      ""
    case .backupEnabled, .backupContinuous: "false"
    case .backupEvery: "1s"
    case .backupCommit: "1m"
    case .backupRetentionDays: "30"
    case .backupCompression: "gzip"
    case .backupNice: "12"
    case .safetyCopyRetentionDays: "7"
    case .volumeWarningPercent: "70"
    case .volumeCriticalPercent: "85"
    case .bindAddress, .peerAddress, .managerAddress: "127.0.0.1"
    case .managerPort: "8080"
    case .nodeHTTPPort: "8081"
    case .nodePeerPort: "9001"
    case .nodeUser: "10001"
    case .registration: "open"
    case .accountQuota: "0"
    case .diskReserve: "128"
    case .writeAcks: "0"
    case .nodes: "node1 node2 node3"
    case .runtime: "process"
    case .dockerImage: "goud:latest"
    case .nodeMemory, .nodeCPU: "0"
    }
  }

  var kind: ConfigurationKind {
    switch self {
    case .home, .backupDirectory, .repository, .tlsCertificate, .tlsKey: .path
    case .dataDirectory: .absolutePath
    case .environment: .name
    case .nodes: .names
    case .volumeDriver: .word(["local", "gcePersistentDisk", "awsElasticBlockStore"])
    case .volumeIDs: .assignments
    case .volumeZone: .address
    case .backupEnabled, .backupContinuous: .boolean
    case .backupEvery: .time(0.1...3600)
    case .backupCommit: .time(1...86400)
    case .backupCompression: .word(["gzip", "pigz", "zstd", "none"])
    case .backupRetentionDays, .safetyCopyRetentionDays: .integer(1...36500)
    case .backupNice: .integer(0...19)
    case .trustedKeys: .keys
    case .volumeWarningPercent, .volumeCriticalPercent: .integer(1...99)
    case .bindAddress, .peerAddress, .managerAddress: .address
    case .managerPort: .integer(1...65535)
    case .managerHosts: .hosts
    case .nodeHTTPPort, .nodePeerPort: .integer(1...65000)
    case .nodeUser: .user
    case .registration: .word(["open", "token", "closed"])
    case .trustedProxies: .networks
    case .accountQuota, .diskReserve: .integer(0...1_048_576)
    case .writeAcks: .integer(0...64)
    case .runtime: .word(NodeRuntime.allCases.map(\.rawValue))
    case .dockerImage: .image
    case .nodeMemory: .integer(0...1_048_576)
    case .nodeCPU: .integer(0...100_000)
    }
  }
}

/// What a value may be, and its one spelling.
enum ConfigurationKind {
  case path, absolutePath, name, names, hosts, assignments, address, networks, boolean, image, keys, user
  case integer(ClosedRange<Int>)
  /// In seconds.
  case time(ClosedRange<Double>)
  case word([String])

  /// The value as Goud spells it (`yes` → `true`); nil when `text` is none.
  func normalized(_ text: String) -> String? {
    switch self {
    case .path: text.hasPrefix("~") || text.utf8.contains(0) ? nil : text
    case .absolutePath: text.hasPrefix("/") && !text.utf8.contains(0) ? text : nil
    case .name: text.isName(further: "-") ? text : nil
    case .names: Self.names(text)
    case .hosts: Self.hosts(text)
    case .assignments: Self.assignments(text)
    case .address: !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != 0x2f } ? text : nil
    case .networks: Self.networks(text)
    case .boolean: Self.boolean(text)
    case .keys: Self.keys(text)
    case .user: Self.user(text)
    case .image: text.isName(further: "-._/:@ABCDEFGHIJKLMNOPQRSTUVWXYZ") ? text : nil
    case .integer(let range): Int(text).flatMap { range.contains($0) ? "\($0)" : nil }
    case .time(let range): Span(text).flatMap { range.contains($0.seconds) ? text : nil }
    case .word(let words): words.contains(text) ? text : nil
    }
  }

  /// What was expected, to follow "is not".
  var expectation: String {
    switch self {
    case .path: "a path ('~' is not expanded)"
    case .absolutePath: "an absolute path"
    case .name: "a name of a-z, 0-9 and -"
    case .address: "an address or a host name of this machine"
    case .names: "a list of different names of a-z, 0-9, - and _, separated by spaces"
    case .hosts: "a list of host names, separated by spaces, without ports"
    case .networks: "a list of IP addresses and networks (ADDRESS/BITS, no bit set behind them), separated by spaces"
    case .boolean: "true or false"
    case .assignments: "one identifier, or NODE=IDENTIFIER for different nodes, separated by spaces"
    case .image: "the name of a container image"
    case .keys: "a list of public keys of minisign (RW…) or absolute paths of files with one, separated by spaces"
    case .user: "the name or the number of a user"
    case .time(let range):
      "a time from \(Span(seconds: range.lowerBound)) to \(Span(seconds: range.upperBound)), as in 500ms, 1s or 5m"
    case .integer(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
    case .word(let words): "one of \(words.joined(separator: ", "))"
    }
  }

  private static func boolean(_ text: String) -> String? {
    switch text.lowercased() {
    case "true", "yes", "1": "true"
    case "false", "no", "0": "false"
    default: nil
    }
  }

  private static func names(_ text: String) -> String? {
    let names = text.split(separator: " ").map(String.init)
    guard !names.isEmpty, Set(names).count == names.count, names.allSatisfy({ $0.isName(further: "-_") }) else {
      return nil
    }
    return names.joined(separator: " ")
  }

  private static func user(_ text: String) -> String? {
    guard let first = text.utf8.first, first != UInt8(ascii: "-") else { return nil }
    if (0x30...0x39).contains(first) { return UInt32(text).flatMap { $0 == .max ? nil : "\($0)" } }
    return text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && ![0x2f, 0x3a].contains($0) } ? text : nil
  }

  private static func hosts(_ text: String) -> String? {
    let hosts = text.split(separator: " ").map { WebHost($0) }
    guard hosts.allSatisfy({ $0?.port == nil && $0?.isAddress == false }) else { return nil }
    return hosts.map { $0!.host }.joined(separator: " ")
  }

  private static func keys(_ text: String) -> String? {
    let words = text.split(separator: " ")
    guard words.allSatisfy({ $0.hasPrefix("/") || VerifyingKey(base64: $0) != nil }) else { return nil }
    return words.joined(separator: " ")
  }

  private static func networks(_ text: String) -> String? {
    let words = text.split(separator: " ")
    let networks = words.compactMap { IPNetwork($0) }
    return networks.count == words.count ? networks.map(\.description).joined(separator: " ") : nil
  }

  private static func assignments(_ text: String) -> String? {
    let words = text.split(separator: " ").map {
      $0.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    }
    let nodes = words.filter { $0.count == 2 }.map { String($0[0]) }
    guard words.count - nodes.count < 2, Set(nodes).count == nodes.count,
      nodes.allSatisfy({ $0.isName(further: "-_") }), words.allSatisfy({ isIdentifier($0.last!) })
    else { return nil }
    return words.map { $0.joined(separator: "=") }.joined(separator: " ")
  }

  private static func isIdentifier(_ text: Substring) -> Bool {
    guard let first = text.utf8.first, first != UInt8(ascii: "-") else { return false }
    return text.unicodeScalars.allSatisfy {
      $0.isASCII && ($0.properties.isAlphabetic || "0123456789._/-".unicodeScalars.contains($0))
    }
  }
}

extension String {
  /// `[a-z0-9]` first, then also the `further` characters.
  fileprivate func isName(further: String) -> Bool {
    let letters = "abcdefghijklmnopqrstuvwxyz0123456789".unicodeScalars
    guard let first = unicodeScalars.first, letters.contains(first) else { return false }
    return unicodeScalars.allSatisfy { letters.contains($0) || further.unicodeScalars.contains($0) }
  }
}
