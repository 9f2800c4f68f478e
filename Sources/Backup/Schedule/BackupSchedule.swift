import Foundation
import GoudCore

/// Who runs a scheduled backup.
public enum Scheduler: String, Sendable, Codable, CaseIterable { case systemd, cron }

/// A scheduled `goud backup create` of one environment, as the files that a scheduler reads.
public struct BackupSchedule: Sendable {
  public let environment: String
  public let time: CronTime
  /// `goud`, absolute.
  public let program: String
  /// What it finds its settings by: `GOUD_HOME`, `GOUD_CONFIG_DIR`.
  public let variables: [String: String]
  /// The directories that it writes to: the environment's home, and the backups'.
  public let writes: [String]
  public let arguments: [String]

  public init(
    environment: String, time: CronTime, program: String, variables: [String: String], writes: [String],
    arguments: [String] = []
  ) {
    self.environment = environment
    self.time = time
    self.program = program
    self.variables = variables
    self.writes = writes
    self.arguments = arguments
  }

  public static func name(_ environment: String) -> String { "goud-chain-backup-\(environment)" }

  private var command: [String] {
    [program, "backup", "create", "--env", environment, "--progress", "none"] + arguments
  }

  /// The files, by path, mode 0644: no secret is in them.
  public func files(_ scheduler: Scheduler) -> [(path: String, content: String)] {
    let name = Self.name(environment)
    switch scheduler {
    case .systemd:
      return [("/etc/systemd/system/\(name).service", service), ("/etc/systemd/system/\(name).timer", timer)]
    case .cron: return [("/etc/cron.d/\(name)", cron)]
    }
  }

  /// It needs to read volumes of any owner, and to give what it writes their owners; nothing else of root's.
  private var service: String {
    return """
      # Written by goud schedule install; goud schedule remove takes it away.
      [Unit]
      Description=Goud: back up the volumes of \(environment)
      RequiresMountsFor=\(writes.map(UnitText.word).joined(separator: " "))

      [Service]
      Type=oneshot
      \(UnitText.environment(variables))
      # Outside of the sandbox, which there is no entering while a path of it is missing (226/NAMESPACE).
      ExecStartPre=+/bin/mkdir -p -m 0700 -- \(writes.map(UnitText.word).joined(separator: " "))
      ExecStart=\(command.map(UnitText.word).joined(separator: " "))
      Nice=10
      CPUWeight=10
      IOWeight=10
      IOSchedulingClass=best-effort
      IOSchedulingPriority=7
      TimeoutStartSec=infinity
      UMask=0077
      CapabilityBoundingSet=CAP_DAC_READ_SEARCH CAP_DAC_OVERRIDE CAP_FOWNER CAP_CHOWN CAP_SYS_RESOURCE
      NoNewPrivileges=yes
      LockPersonality=yes
      MemoryDenyWriteExecute=yes
      PrivateDevices=yes
      PrivateTmp=yes
      ProtectClock=yes
      ProtectControlGroups=yes
      ProtectHostname=yes
      ProtectKernelLogs=yes
      ProtectKernelModules=yes
      ProtectKernelTunables=yes
      ProtectSystem=strict
      ReadWritePaths=\(writes.map(UnitText.word).joined(separator: " "))
      RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
      RestrictNamespaces=yes
      RestrictRealtime=yes
      RestrictSUIDSGID=yes
      SystemCallArchitectures=native

      """
  }

  private var timer: String {
    """
    # Written by goud schedule install; goud schedule remove takes it away.
    [Unit]
    Description=Goud: when to back up the volumes of \(environment)

    [Timer]
    OnCalendar=\(time.calendar)
    Persistent=true
    RandomizedDelaySec=0

    [Install]
    WantedBy=timers.target

    """
  }

  private var cron: String {
    let settings = variables.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)\n" }.joined()
    // cron reads % as the end of a line.
    let line = command.map(Self.shell).joined(separator: " ").replacingOccurrences(of: "%", with: "\\%")
    return """
      # Written by goud schedule install; goud schedule remove takes it away.
      PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
      \(settings)\(time) root \(line)

      """
  }

  private static func shell(_ text: String) -> String {
    let plain = text.utf8.allSatisfy {
      (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0)
        || "_-./:=@,+".utf8.contains($0)
    }
    return plain ? text : "'\(text.replacingOccurrences(of: "'", with: "'\\''"))'"
  }
}
