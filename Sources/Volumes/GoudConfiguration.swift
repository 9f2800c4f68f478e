public import Archive
import Configuration
import Foundation
import GoudCore
public import Minisign

/// Where a value comes from.
public enum ConfigurationOrigin: Sendable, Hashable, CustomStringConvertible {
  case flag(String)
  case environment
  /// Relative to the directory that holds `config/`.
  case file(String)
  case fallback

  public var description: String {
    switch self {
    case .flag(let name): "flag \(name)"
    case .environment: "environment"
    case .file(let name): name
    case .fallback: "default"
    }
  }
}

/// One key, its value as Goud spells it, and where that comes from.
public struct ConfigurationValue: Sendable, Hashable {
  public let key: ConfigurationKey
  public let text: String
  public let origin: ConfigurationOrigin
}

/// All settings of a run, each checked. The keys and their ranges: `ConfigurationKey`.
public struct GoudConfiguration: Sendable {
  /// Every key, in the order of `ConfigurationKey`. Paths are absolute.
  public let values: [ConfigurationValue]
  /// `config/`; nil when there is none and defaults hold.
  public let directory: ConfigurationDirectory?
  /// The format that `BACKUP_COMPRESSION` means: `pigz` is `gzip`.
  public let backupCompression: Compression
  /// `file: KEY` for keys of the files that Goud does not know: perhaps misspelt, perhaps another program's.
  public let unknownKeys: [String]

  /// Reads the flags, the environment and the files of `config/`.
  /// - Throws: `config.invalid-value`, naming key and origin; `config.unknown-environment`, naming the known ones.
  public static func load(
    flags: [ConfigurationKey: String] = [:], context: ConfigurationContext = .process
  ) throws -> GoudConfiguration {
    let directory = try ConfigurationDirectory.find(context)
    let constants = try directory?.constants()
    var layers = Layers(flags: flags, variables: context.variables, files: [constants].compactMap { $0 })
    let environment = try layers.value(.environment)
    let overrides = try Self.overrides(environment, in: directory)
    layers = Layers(flags: flags, variables: context.variables, files: [overrides, constants].compactMap { $0 })
    return try GoudConfiguration(layers, directory, context)
  }

  private static func overrides(
    _ environment: ConfigurationValue, in directory: ConfigurationDirectory?
  ) throws -> ConfigurationFile? {
    guard let directory else { return nil }
    guard let file = try directory.overrides(environment.text) else {
      let known = try directory.environments()
      throw GoudError(
        .environmentUnknown,
        "there is no environment '\(environment.text)' (\(environment.origin)) in \(directory.path)",
        hint: known.isEmpty
          ? "create \(directory.path)/environments/\(environment.text)/overrides.env; it may be empty"
          : "name one with --env: \(known.joined(separator: ", "))",
        context: ["environment": environment.text, "known": known.joined(separator: " ")])
    }
    guard file.values[ConfigurationKey.environment.rawValue] == nil else {
      throw GoudError(
        .configInvalid, "GOUD_ENVIRONMENT cannot be set in \(file.name), which is read because of it",
        hint: "pass --env, or set it in the environment or in base/constants.env",
        context: ["key": "GOUD_ENVIRONMENT", "origin": file.name])
    }
    return file
  }

  private init(_ layers: Layers, _ directory: ConfigurationDirectory?, _ context: ConfigurationContext) throws {
    self.directory = directory
    let home = try layers.value(.home, fallback: Self.defaultHome(context))
      .resolved(context.workingDirectory, directory)
    values = try ConfigurationKey.allCases.map { key in
      switch key {
      case .home: home
      case .tlsCertificate, .tlsKey: try layers.value(key).resolved(context.workingDirectory, directory)
      case .repository:
        try layers.value(key).resolvedStore(context.workingDirectory, directory)
      case .backupDirectory:
        try layers.value(key, fallback: "\(home.text)/backups").resolved(context.workingDirectory, directory)
      default: try layers.value(key)
      }
    }
    backupCompression = try Compression(name: try layers.value(.backupCompression).text)
    unknownKeys = layers.unknownKeys
    guard volumeWarningPercent < volumeCriticalPercent else {
      let critical = self[.volumeCriticalPercent]
      throw GoudError(
        .configInvalid,
        "VOLUME_WARNING_PERCENT (\(self[.volumeWarningPercent].origin)) is \(volumeWarningPercent), not below "
          + "VOLUME_CRITICAL_PERCENT (\(critical.origin)), which is \(volumeCriticalPercent)",
        hint: "lower the first or raise the second", context: ["key": "VOLUME_WARNING_PERCENT"])
    }
    try checkTLS()
    try checkWatch()
  }

  private func checkWatch() throws {
    guard backupEvery <= backupCommit else {
      throw GoudError(
        .configInvalid,
        "BACKUP_COMMIT (\(self[.backupCommit].origin)) is \(self[.backupCommit].text), shorter than BACKUP_EVERY "
          + "(\(self[.backupEvery].origin)), which is \(self[.backupEvery].text)",
        hint: "raise the first or lower the second", context: ["key": "BACKUP_COMMIT"])
    }
    guard backupContinuous, repository == nil else { return }
    throw GoudError(
      .configInvalid, "BACKUP_CONTINUOUS (\(self[.backupContinuous].origin)) is set, and REPOSITORY is not",
      hint: "set REPOSITORY to where the volumes are followed into", context: ["key": "REPOSITORY"])
  }

  private func checkTLS() throws {
    let files = [ConfigurationKey.tlsCertificate, .tlsKey].map { self[$0] }
    guard let missing = files.first(where: \.text.isEmpty), let set = files.first(where: { !$0.text.isEmpty })
    else { return }
    throw GoudError(
      .configInvalid, "\(set.key.rawValue) (\(set.origin)) is set, and \(missing.key.rawValue) is not",
      hint: "set both, for nodes that serve clients over TLS, or neither", context: ["key": missing.key.rawValue])
  }

  private static func defaultHome(_ context: ConfigurationContext) -> String {
    if context.isRoot { return "/var/lib/goud" }
    // The XDG specification: a relative path is to be ignored.
    if let data = context.variables["XDG_DATA_HOME"], data.hasPrefix("/") { return "\(data)/goud" }
    return "\(context.variables["HOME"] ?? NSHomeDirectory())/.local/share/goud"
  }

  public subscript(key: ConfigurationKey) -> ConfigurationValue { values.first { $0.key == key }! }
}

/// The values in their types; each was checked when it was read.
extension GoudConfiguration {
  public var home: String { self[.home].text }
  public var environment: String { self[.environment].text }
  public var dataDirectory: String { self[.dataDirectory].text }
  public var volumeDriver: String { self[.volumeDriver].text }
  /// What the provider calls the disk that holds a node's volume; nil when nobody has said so.
  public func volumeID(_ node: String) -> String? {
    let words = self[.volumeIDs].text.split(separator: " ")
    let own = words.first { $0.hasPrefix("\(node)=") }?.dropFirst(node.count + 1)
    return (own ?? words.first { !$0.contains("=") }).map(String.init)
  }
  public var volumeZone: String? { self[.volumeZone].text.isEmpty ? nil : self[.volumeZone].text }
  public var backupEnabled: Bool { self[.backupEnabled].text == "true" }
  public var backupDirectory: String { self[.backupDirectory].text }
  /// Where the repository is that backups go to when no other is named; nil: there is none.
  public var repository: String? { self[.repository].text.isEmpty ? nil : self[.repository].text }
  /// Whether the manager follows the volumes into the repository.
  public var backupContinuous: Bool { self[.backupContinuous].text == "true" }
  /// Between two ticks, and between two backups, of a watch; in seconds.
  public var backupEvery: Double { Span(self[.backupEvery].text)!.seconds }
  public var backupCommit: Double { Span(self[.backupCommit].text)!.seconds }
  public var bindAddress: String { self[.bindAddress].text }
  public var peerAddress: String { self[.peerAddress].text }
  public var managerAddress: String { self[.managerAddress].text }
  public var managerPort: Int { Int(self[.managerPort].text)! }
  /// In lower case.
  public var managerHosts: [String] { self[.managerHosts].text.split(separator: " ").map(String.init) }
  public var nodeHTTPPort: Int { Int(self[.nodeHTTPPort].text)! }
  public var nodePeerPort: Int { Int(self[.nodePeerPort].text)! }
  /// What nodes show their clients, and its key; nil: they serve in the clear.
  public var tls: (certificate: String, key: String)? {
    let paths = (self[.tlsCertificate].text, self[.tlsKey].text)
    return paths.0.isEmpty ? nil : paths
  }
  /// A name or a number.
  public var nodeUser: String { self[.nodeUser].text }
  /// `open`, `token` or `closed`.
  public var registration: String { self[.registration].text }
  /// MiB; 0: no bound.
  public var accountQuota: Int { Int(self[.accountQuota].text)! }
  /// MiB; 0: none.
  public var diskReserve: Int { Int(self[.diskReserve].text)! }
  public var trustedProxies: [String] { self[.trustedProxies].text.split(separator: " ").map(String.init) }
  /// nil: a majority.
  public var writeAcks: Int? { Int(self[.writeAcks].text).flatMap { $0 == 0 ? nil : $0 } }
  public var backupNice: Int { Int(self[.backupNice].text)! }
  public var backupRetentionDays: Int { Int(self[.backupRetentionDays].text)! }
  /// Whose signatures count; with any, a backup that none of them has signed is not restored.
  /// - Throws: `signing.invalid-key`, and what keeps a file with a key from being read.
  public func trustedKeys() throws -> [VerifyingKey] {
    try self[.trustedKeys].text.split(separator: " ").map {
      do {
        return try VerifyingKey(String($0))
      } catch let error as GoudError {
        throw error.within("TRUSTED_KEYS (\(self[.trustedKeys].origin))")
      }
    }
  }
  public var safetyCopyRetentionDays: Int { Int(self[.safetyCopyRetentionDays].text)! }
  public var volumeWarningPercent: Int { Int(self[.volumeWarningPercent].text)! }
  public var volumeCriticalPercent: Int { Int(self[.volumeCriticalPercent].text)! }
  public var nodes: [String] { self[.nodes].text.split(separator: " ").map(String.init) }

  public var dockerImage: String { self[.dockerImage].text }
  /// MiB; 0: no limit.
  public var nodeMemory: Int { Int(self[.nodeMemory].text)! }
  /// Percent of one processor; 0: no limit.
  public var nodeCPU: Int { Int(self[.nodeCPU].text)! }
  /// What is set; else what the network was started with last.
  public var runtime: NodeRuntime {
    let remembered = self[.runtime].origin == .fallback ? NodeRuntime.remembered(in: environmentHome) : nil
    return remembered ?? NodeRuntime(rawValue: self[.runtime].text)!
  }

  /// `$GOUD_HOME/<environment>/volumes`: where volumes are known by name.
  /// Everything of the environment but its backups.
  public var environmentHome: String { "\(home)/\(environment)" }
  public var volumesDirectory: String { "\(environmentHome)/volumes" }
}

/// The sources of values, strongest first.
private struct Layers {
  private var layers: [(origin: ConfigurationOrigin, provider: any ConfigProvider)]
  let unknownKeys: [String]

  init(flags: [ConfigurationKey: String], variables: [String: String], files: [ConfigurationFile]) {
    layers = flags.map { key, value in
      (.flag(key.flag ?? key.rawValue), EnvironmentVariablesProvider(environmentVariables: [key.rawValue: value]))
    }
    layers.append((.environment, EnvironmentVariablesProvider(environmentVariables: variables)))
    for file in files {
      layers.append((.file(file.name), EnvironmentVariablesProvider(environmentVariables: file.values)))
    }
    unknownKeys = files.flatMap { file in
      file.values.keys.filter { ConfigurationKey(rawValue: $0) == nil }.sorted().map { "\(file.name): \($0)" }
    }
  }

  func value(_ key: ConfigurationKey, fallback: String? = nil) throws -> ConfigurationValue {
    for (origin, provider) in layers {
      let found = try provider.value(forKey: AbsoluteConfigKey([key.rawValue]), type: .string).value?.content
      guard case .string(let text) = found else { continue }
      if case .flag = origin {} else if text.isEmpty { continue }
      guard let value = key.kind.normalized(text) else { throw Self.invalid(key, text, origin) }
      return ConfigurationValue(key: key, text: value, origin: origin)
    }
    return ConfigurationValue(key: key, text: key.fixedDefault ?? fallback!, origin: .fallback)
  }

  private static func invalid(_ key: ConfigurationKey, _ text: String, _ origin: ConfigurationOrigin) -> GoudError {
    let (place, hint) =
      switch origin {
      case .flag(let name): ("\(name)", "pass another value to \(name)")
      case .environment: ("\(key.rawValue) in the environment", "set \(key.rawValue) to another value, or unset it")
      case .file(let name): ("\(key.rawValue) in \(name)", "correct \(key.rawValue) in \(name)")
      case .fallback: (key.rawValue, "set \(key.rawValue)")
      }
    // A flag is the call's own; anything else lies in wait for every call.
    let code: ErrorCode = if case .flag = origin { .usage } else { .configInvalid }
    return GoudError(
      code, "\(place) is '\(text)', not \(key.kind.expectation)", hint: hint,
      context: ["key": key.rawValue, "origin": origin.description, "value": text])
  }
}

extension ConfigurationValue {
  /// A path made absolute: one in a file starts where `config/` lies, any other in the working directory.
  fileprivate func resolved(_ workingDirectory: String, _ directory: ConfigurationDirectory?) -> ConfigurationValue {
    // Not set.
    if text.isEmpty { return self }
    let base = if case .file = origin { directory?.root ?? workingDirectory } else { workingDirectory }
    return ConfigurationValue(key: key, text: text.absolute(from: base), origin: origin)
  }

  /// A store that is a directory; any other is as it is.
  fileprivate func resolvedStore(
    _ workingDirectory: String, _ directory: ConfigurationDirectory?
  ) -> ConfigurationValue {
    text.contains("://") || text.hasPrefix("rclone:") ? self : resolved(workingDirectory, directory)
  }
}
