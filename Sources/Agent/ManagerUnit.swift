import GoudCore

/// The manager of an environment as a service of systemd, which starts it with the machine, as a user of its own.
///
/// Nodes are told to go on when the manager ends by itself (`KillMode=process`): the next one takes them over, as it
/// does without systemd. A stop of the service stops them.
public struct ManagerUnit: Sendable {
  /// Whom the network runs as when nobody else is named: made by systemd-sysusers, with the number that nodes have
  /// which root starts by hand.
  public static let standardUser = "goud"
  public static let standardNumber = 10001

  public let environment: String
  /// `goud`, absolute.
  public let program: String
  /// What it finds its settings by, and those that stand in no file.
  public let variables: [String: String]
  /// `$GOUD_HOME`; and what of it is the network's, `$GOUD_HOME/<environment>`.
  public let home: String
  public let place: String
  /// The manager's log.
  public let log: String
  /// Who owns the network's place, and runs it. nil: root, for nodes that are containers.
  public let user: String?
  /// The lowest port that somebody listens on.
  public let lowestPort: Int

  public init(
    environment: String, program: String, variables: [String: String], home: String, place: String, log: String,
    user: String?, lowestPort: Int
  ) {
    self.environment = environment
    self.program = program
    self.variables = variables
    self.home = home
    self.place = place
    self.log = log
    self.user = user
    self.lowestPort = lowestPort
  }

  public var name: String { "goud-network-\(environment).service" }
  public var path: String { "/etc/systemd/system/\(name)" }
  /// Where systemd-sysusers finds whom to make.
  public static let sysusers = "/etc/sysusers.d/goud.conf"

  /// The files, by path, mode 0644: no secret is in them.
  public var files: [(path: String, content: String)] {
    guard user == Self.standardUser else { return [(path, content)] }
    let entry = """
      # Written by goud network install.
      u \(Self.standardUser) \(Self.standardNumber) "Goud's network" \(home) -

      """
    return [(Self.sysusers, entry), (path, content)]
  }

  private func command(_ words: String...) -> String {
    ([program] + words + ["--env", environment]).map(UnitText.word).joined(separator: " ")
  }

  private var content: String {
    """
    # Written by goud network install; goud network uninstall takes it away.
    [Unit]
    Description=Goud: the network \(environment)
    Wants=network-online.target
    After=\((["network-online.target"] + (user == nil ? ["docker.service"] : [])).joined(separator: " "))
    RequiresMountsFor=\(UnitText.word(place))
    StartLimitIntervalSec=0

    [Service]
    Type=exec
    \(UnitText.environment(variables))
    \(beginning)
    ExecStart=\(command("agent", "run")) --log-file \(UnitText.word(log))
    ExecStop=\(command("network", "stop"))
    Restart=on-failure
    RestartSec=2
    KillMode=process
    TimeoutStopSec=90
    LimitCORE=0
    LimitNOFILE=524288
    UMask=0077
    \(powers)
    NoNewPrivileges=yes
    LockPersonality=yes
    MemoryDenyWriteExecute=yes
    PrivateDevices=yes
    PrivateTmp=yes
    ProtectClock=yes
    ProtectControlGroups=yes
    ProtectHome=read-only
    ProtectHostname=yes
    ProtectKernelLogs=yes
    ProtectKernelModules=yes
    ProtectKernelTunables=yes
    \(user == nil ? "ProtectSystem=full" : "ProtectSystem=strict\nReadWritePaths=\(UnitText.word(place))")
    RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
    RestrictNamespaces=yes
    RestrictRealtime=yes
    RestrictSUIDSGID=yes
    SystemCallArchitectures=native

    [Install]
    WantedBy=multi-user.target

    """
  }

  /// As root, and outside of the sandbox, which there is no entering while a path of it is missing (226/NAMESPACE): the
  /// network's place is there and its user's, whoever has worked on it meanwhile.
  private var beginning: String {
    let (home, place) = (UnitText.word(home), UnitText.word(place))
    guard let user else { return "ExecStartPre=+/bin/mkdir -p -m 0700 -- \(place)" }
    return """
      User=\(user)
      ExecStartPre=+/bin/mkdir -p -m 0711 -- \(home)
      ExecStartPre=+/bin/chmod a+x -- \(home)
      ExecStartPre=+/bin/mkdir -p -m 0700 -- \(place)
      ExecStartPre=+/bin/chown -R -h -- \(user): \(place)
      """
  }

  /// None; but for those to open a low port, or to give a container's volume to its user.
  private var powers: String {
    guard user != nil else {
      return "CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER"
    }
    guard lowestPort < 1024 else { return "CapabilityBoundingSet=" }
    return "CapabilityBoundingSet=CAP_NET_BIND_SERVICE\nAmbientCapabilities=CAP_NET_BIND_SERVICE"
  }
}
