import ArgumentParser
import Backup
import Foundation
import GoudCore
import Runtime
import Subprocess
import Volumes

struct ScheduleGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schedule", abstract: "Run backups by themselves, through systemd or cron.",
    subcommands: [ScheduleInstall.self, ScheduleList.self, ScheduleRemove.self])
}

/// Where the files of a scheduler are.
struct ScheduleFiles {
  /// Put before every path: another system's root directory.
  let root: String

  func put(_ files: [(path: String, content: String)]) throws {
    for file in files {
      let path = root + file.path
      let directory = FileSystem.parent(of: path)
      guard (try? FileSystem.names(in: directory)) != nil else {
        throw GoudError(
          .ioFailed, "\(directory) is not there", hint: "use the other of --systemd and --cron, or --print",
          context: ["path": directory])
      }
      try AtomicFile.write(Array(file.content.utf8), to: path, mode: 0o644)
      Output.note("wrote \(path)")
    }
  }

  /// Makes the directories that a schedule writes to, mode 0700; what is there stays as it is.
  func prepare(_ directories: [String]) throws {
    for directory in directories {
      try FileManager.default.createDirectory(
        atPath: root + directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }
  }

  /// The schedules that are installed, by environment.
  func installed() throws -> [(environment: String, scheduler: Scheduler, path: String)] {
    let prefix = BackupSchedule.name("")
    return try Scheduler.allCases.flatMap { scheduler in
      let (directory, suffix) = scheduler == .systemd ? ("/etc/systemd/system", ".timer") : ("/etc/cron.d", "")
      guard try FileSystem.status(root + directory) != nil else { return [(String, Scheduler, String)]() }
      return try FileSystem.names(in: root + directory).sorted().compactMap { name in
        guard name.hasPrefix(prefix), name.hasSuffix(suffix) else { return nil }
        return (String(name.dropFirst(prefix.count).dropLast(suffix.count)), scheduler, "\(root)\(directory)/\(name)")
      }
    }
  }

  /// Tells systemd; elsewhere, says what is to be done by hand.
  func tell(_ arguments: [[String]]) throws {
    guard root.isEmpty, try FileSystem.status("/run/systemd/system") != nil else {
      let commands = arguments.map { "systemctl \($0.joined(separator: " "))" }.joined(separator: " && ")
      return Output.note("systemd does not run here; where it does: \(commands)")
    }
    for words in arguments {
      let status = try Awaiting.result {
        try await Subprocess.run(.name("systemctl"), arguments: Arguments(words), output: .discarded, error: .discarded)
          .terminationStatus
      }
      guard status.isSuccess else { throw GoudError(.ioFailed, "systemctl \(words.joined(separator: " ")): \(status)") }
    }
  }
}

struct ScheduleInstall: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "install", abstract: "Have an environment backed up regularly.",
    discussion: """
      A run that was missed, because the machine was off, is made up for by systemd, not by cron. Either runs this program \
      as root: it, its configuration, and every directory on the way to them must be root's alone.
      """)

  @Flag(help: "A hardened service and a timer.") var systemd = false
  @Flag(help: "A line in /etc/cron.d.") var cron = false
  @Option(help: "When: minute, hour, day, month, weekday, as cron writes them.") var at = "0 2 * * *"
  @OptionGroup var cloud: CloudOptions
  @OptionGroup var repository: RepositoryOptions
  @OptionGroup var seal: SealOptions
  @OptionGroup var signing: SignOptions
  @Flag(help: "Show the files, and write none.") var print = false
  @Option(help: ArgumentHelp("Write below another root directory.", valueName: "path")) var root = ""
  @OptionGroup var scope: EnvironmentOptions

  func validate() throws {
    if systemd == cron { throw ValidationError("pass --systemd or --cron") }
    try repository.refuse([
      (cloud.cloud != nil, "-c"), (seal.recipient != nil, "--recipient"), (signing.sign != nil, "--sign"),
    ])
  }

  func run() throws {
    let configuration = try GoudConfiguration.load(flags: scope.flags)
    let scheduler: Scheduler = systemd ? .systemd : .cron
    var variables = ["GOUD_HOME": configuration.home]
    variables["GOUD_CONFIG_DIR"] = configuration.directory?.path
    let stored = try repository.scheduled()
    let schedule = BackupSchedule(
      environment: configuration.environment, time: try CronTime(at), program: try Detached.program(),
      variables: variables,
      writes: [configuration.environmentHome, configuration.backupDirectory] + stored.writes,
      arguments: try cloud.arguments() + seal.arguments + signing.arguments(configuration) + stored.arguments)
    let files = schedule.files(scheduler)
    try ScheduledProgram(schedule.program, configuration.directory).refuseReplaceable(warning: print)
    if print { return Output.write(files.shown) }
    let place = ScheduleFiles(root: root)
    try place.put(files)
    guard systemd else { return }
    try place.prepare(schedule.writes)
    let timer = "\(BackupSchedule.name(configuration.environment)).timer"
    try place.tell([["daemon-reload"], ["enable", "--now", timer]])
  }
}

struct ScheduleList: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "Show the schedules that are installed, and what their last run came to.")

  @Option(help: ArgumentHelp("Look below another root directory.", valueName: "path")) var root = ""
  @OptionGroup var output: OutputOptions

  private struct Row: Encodable {
    let environment: String
    let scheduler: Scheduler
    let path: String
    let last: BackupRun?
    let lastGood: BackupRun?
  }

  func run() throws {
    let rows = try ScheduleFiles(root: root).installed().map { found in
      let configuration = try? GoudConfiguration.load(flags: [.environment: found.environment])
      let record = configuration.flatMap { BackupRecord.read(home: $0.environmentHome) }
      return Row(
        environment: found.environment, scheduler: found.scheduler, path: found.path, last: record?.last,
        lastGood: record?.lastGood)
    }
    switch output.format {
    case .json: Output.write(try Output.json(rows))
    case .table where rows.isEmpty: Output.note("no backup is scheduled; goud schedule install does it")
    case .table:
      Output.write(
        Output.table(
          ["ENVIRONMENT", "BY", "LAST RUN", "RESULT", "LAST GOOD", "FILE"],
          rows.map { row in
            [
              row.environment, row.scheduler.rawValue, row.last?.began.ISO8601Format() ?? "never",
              row.last?.result.rawValue ?? "-", row.lastGood?.began.ISO8601Format() ?? "never", row.path,
            ]
          }))
    }
  }
}

struct ScheduleRemove: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove", abstract: "Take an environment's schedule away; its backups stay.")

  @Option(help: ArgumentHelp("Look below another root directory.", valueName: "path")) var root = ""
  @OptionGroup var scope: EnvironmentOptions

  func run() throws {
    let configuration = try GoudConfiguration.load(flags: scope.flags)
    let place = ScheduleFiles(root: root)
    let found = try place.installed().filter { $0.environment == configuration.environment }
    guard !found.isEmpty else {
      throw GoudError(
        .scheduleNotFound, "no backup of \(configuration.environment) is scheduled",
        hint: "goud schedule list shows what is")
    }
    for schedule in found {
      let timer = FileSystem.name(of: schedule.path)
      if schedule.scheduler == .systemd { try place.tell([["disable", "--now", timer]]) }
      var paths = [schedule.path]
      if schedule.scheduler == .systemd { paths.append(String(schedule.path.dropLast("timer".count)) + "service") }
      for path in paths where try FileSystem.status(path) != nil {
        try FileManager.default.removeItem(atPath: path)
        Output.note("removed \(path)")
      }
      if schedule.scheduler == .systemd { try place.tell([["daemon-reload"]]) }
    }
  }
}
