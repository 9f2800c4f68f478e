import Archive
import ArgumentParser
import Backup
import BlobStore
import CGoudLinux
import Foundation
import GoudCore
import Minisign
import Repository
import Retention
import Volumes

/// `goud backup create`
struct BackupCreate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "create", abstract: "Back up volumes while they are being written.",
    discussion: """
      Takes a consistent snapshot of each volume without stopping or asking its node, opens it as a database, checks \
      every block while storing it, and reads the archive back before it reports success.
      """)

  @OptionGroup var scope: EnvironmentOptions
  @Option(
    name: .long, parsing: .singleValue,
    help: "A volume: node1, /a/path or NAME=/a/path; repeat. Default: all of the environment.")
  var volume: [String] = []
  @Option(
    name: [.customShort("d"), .long],
    help: "Where the archive goes. Default: BACKUP_DIR; with -c, only the bucket.")
  var directory: String?
  @OptionGroup var cloud: CloudOptions
  @OptionGroup var repository: RepositoryOptions
  @OptionGroup var seal: SealOptions
  @OptionGroup var signing: SignOptions
  @Option(help: "gzip, pigz (parallel gzip, the same), zstd or none. Default: BACKUP_COMPRESSION.")
  var compression: String?
  @Flag(help: "Accepted for the guide's sake: no backup of goud stops anything.") var keepRunning = false
  @Flag(help: "Do not read the archive back before reporting success.") var noVerify = false
  @Flag(help: "Store what the linked RocksDB cannot open or prove, and say so wherever the backup is listed.")
  var unproven = false
  @Flag(help: "Leave out what other file systems are mounted on inside a volume; by default it is stored, and said.")
  var oneFileSystem = false
  @Flag(help: "With --repo: read and prove every table, whatever the backup before says of it.")
  var rescan = false
  @OptionGroup var output: OutputOptions
  @OptionGroup var progress: ProgressOptions

  func validate() throws {
    try repository.refuse([
      (cloud.cloud != nil, "-c"), (seal.recipient != nil, "--recipient"), (signing.sign != nil, "--sign"),
      (compression != nil, "--compression"), (noVerify, "--no-verify"),
    ])
    if rescan && repository.repo == nil { throw ValidationError("--rescan is for --repo") }
  }

  func run() throws {
    var flags = scope.flags
    flags[.backupDirectory] = directory
    flags[.backupCompression] = compression
    let configuration = try GoudConfiguration.load(flags: flags)
    try configuration.enterVolumes()
    configuration.giveWay()
    if let repository = try repository.open() { return try commit(configuration, repository) }
    let signer = try signer(configuration)
    let result = try volume.isEmpty ? recorded(configuration, signer) : backUp(configuration, signer)
    switch output.format {
    case .json: Output.write(try Output.json(result))
    case .table: Output.write(describe(result))
    }
    try prune(configuration, result)
    try refuse(result.metadata.leftOut ?? [])
    try refuse(shortcomings: result.metadata.shortcomings)
  }

  private func backUp(_ configuration: GoudConfiguration, _ signer: SigningKey?) throws -> BackupResult {
    let (volumes, absent) = try ChosenVolumes.find(volume, configuration)
    var request = BackupRequest(
      environment: configuration.environment, volumes: volumes,
      directory: configuration.backupDirectory, compression: configuration.backupCompression,
      toolVersion: Release.version)
    if cloud.cloud != nil {
      // Volumes grow while they are written, and S3 wants to know the size of an object's parts beforehand.
      request.estimate = try volumes.map { try VolumeSummary($0).bytes.bytes }.reduce(1 << 30) { $0 + $1 + $1 / 4 }
      request.store = try cloud.store(estimate: request.estimate)
      request.keepsFile = directory != nil
      if seal.recipient == nil {
        Output.note(
          "the archive holds the nodes' keys, and is not encrypted before it leaves this machine (--recipient seals it)"
        )
      }
    }
    request.leftOut = absent
    request.recipient = seal.recipient
    request.signer = signer
    request.verify = !noVerify
    request.allowUnproven = unproven
    request.oneFileSystem = oneFileSystem
    request.cancellation = Signals.cancellation
    request.progress = progress.sink(output)
    return try BackupWorkflow(request).run()
  }

  private func commit(_ configuration: GoudConfiguration, _ repository: Repository) throws {
    var request = try CommitRequest(configuration, repository, volumes: volume)
    request.rescan = rescan
    request.allowUnproven = unproven
    request.oneFileSystem = oneFileSystem
    request.progress = progress.sink(output)
    let result = try volume.isEmpty ? recorded(request, configuration) : CommitWorkflow(request).run()
    switch output.format {
    case .json: Output.write(try Output.json(result))
    case .table: Output.write(result.summary)
    }
    try refuse(result.metadata.leftOut ?? [])
    try refuse(shortcomings: result.metadata.shortcomings)
    try result.refuseLeftLock()
  }

  private func recorded(_ request: CommitRequest, _ configuration: GoudConfiguration) throws -> CommitResult {
    try BackupRecord.keeping(home: configuration.environmentHome) {
      let result = try CommitWorkflow(request).run()
      let leftOut = (result.metadata.leftOut ?? []).map { "\($0.volume): \($0.reason)" }
      let fault = (leftOut + result.metadata.volumes.flatMap(\.unproven)).first
      return (
        result, "\(result.repository) \(result.id)", result.storedBytes, fault, result.snapshots.keys.sorted()
      )
    }
  }

  private func signer(_ configuration: GoudConfiguration) throws -> SigningKey? {
    let (signer, trusted) = (try signing.key(configuration), try configuration.trustedKeys())
    if !trusted.isEmpty, !trusted.contains(where: { $0 == signer?.verifier }) {
      Output.note("none of TRUSTED_KEYS signs this backup: it is restored only after one has, or with --trust-anything")
    }
    return signer
  }

  /// Backups of everything are what the alerts watch.
  private func recorded(_ configuration: GoudConfiguration, _ signer: SigningKey?) throws -> BackupResult {
    try BackupRecord.keeping(home: configuration.environmentHome) {
      let result = try backUp(configuration, signer)
      let leftOut = (result.metadata.leftOut ?? []).map { "\($0.volume): \($0.reason)" }
      let fault = (leftOut + result.metadata.volumes.flatMap(\.unproven)).first
      return (result, result.archive, result.bytes, fault, nil)
    }
  }

  private func refuse(_ leftOut: [BackupMetadata.LeftOut]) throws {
    guard !leftOut.isEmpty else { return }
    throw GoudError(
      .someFailed,
      "the backup is made without " + leftOut.map { "\($0.volume): \($0.reason)" }.joined(separator: "; "),
      hint: "mount it or rebuild it (goud volume repair), or keep it as it is in a backup of its own (--volume)",
      context: ["leftOut": leftOut.map(\.volume).joined(separator: " ")])
  }

  /// The backup stands; what it lacks shows in the exit status (3).
  private func refuse(shortcomings: [String]) throws {
    guard let first = shortcomings.first else { return }
    let more = shortcomings.count > 1 ? ", and \(shortcomings.count - 1) more" : ""
    throw GoudError(
      .someFailed, "the backup is made, and not every file in it is as it was at one moment: \(first)\(more)",
      hint: "goud backup inspect names them all; stop their writer for a backup, or keep them out of the volume",
      context: ["files": "\(shortcomings.count)"])
  }

  /// The backup stands whatever comes of this, and so does each prune; one that failed shows in the exit status (3).
  private func prune(_ configuration: GoudConfiguration, _ made: BackupResult) throws {
    var failures: [GoudError] = []
    let stores: [(any BlobStore)?] = cloud.cloud == nil ? [nil] : [nil, try cloud.store()]
    for store in stores {
      var request = try PruneRequest(configuration)
      request.store = store
      request.readBack = made.verified ? [FileSystem.name(of: made.archive)] : []
      request.cancellation = Signals.cancellation
      do {
        let report = try Prune(request).run()
        for item in report.backups + report.safetyCopies where item.deleted {
          Output.note(Output.printable("pruned \(item.path): \(item.reason)"))
        }
        for note in report.notes { Output.note(Output.printable(note)) }
        try report.refuseProblems()
      } catch let error as GoudError where error.code == .volumeLocked {
        Output.note(Output.printable("nothing is pruned now: \(error.message)"))
      } catch let error as GoudError {
        failures.append(error)
      }
    }
    guard let error = failures.first else { return }
    throw GoudError(
      .someFailed, "the backup is made, but pruning older ones failed: \(error.message)", hint: "goud backup prune",
      cause: error)
  }

  private func describe(_ result: BackupResult) -> String {
    let volumes = result.metadata.volumes
    let bytes = result.metadata.bytes
    var lines = [
      [result.archive, result.stored.flatMap { $0 == result.archive ? nil : $0 }].compactMap { $0 }
        .joined(separator: "\n"),
      "\(volumes.count) volume\(volumes.count == 1 ? "" : "s"), \(bytes) in \(ByteCount(result.bytes)); "
        + "snapshot \(result.snapshotSeconds.inSeconds), written \(result.writeSeconds.inSeconds), "
        + (result.verified ? "read back \(result.verifySeconds.inSeconds)" : "not read back (--no-verify)"),
    ]
    let signature = result.signature
    lines.append(
      signature.state == .none
        ? "  not signed; --sign says who made it"
        : "  signed by \(signature.key ?? "?")")
    if result.restedSeconds >= 1 {
      lines.append("  rested \(result.restedSeconds.inSeconds) of that: this machine is busy (BACKUP_NICE)")
    }
    for volume in volumes {
      let sequence = volume.databases.map { "\($0.sequence)" }.joined(separator: ", ")
      lines.append("  \(volume.name): \(volume.contents), sequence number \(sequence)")
      lines += [volume.chain].compactMap { $0 }.map { "  \(volume.name): chain \($0.summary)" }
      lines += (volume.others ?? []).map { "  \(volume.name): stored as files: \($0.path): \($0.what)" }
      lines += volume.remarks.map { "  \(volume.name): \($0.0) \($0.1)" }
      lines += volume.unproven.map { "  \(volume.name): NOT PROVEN: \($0)" }
      lines += volume.databases.flatMap(\.notes).map { "  \(volume.name): \($0)" }
    }
    lines += (result.metadata.leftOut ?? []).map { "  \($0.volume): LEFT OUT: \($0.reason)" }
    return lines.map(Output.printable).joined(separator: "\n")
  }
}

extension BackupMetadata.Database {
  /// What is left to say of it although it is proven.
  var notes: [String] {
    (unprovenOrders ?? []).map {
      "\(path): proven but for the order of keys in \($0.family), which only its application knows (\($0.order))"
    }
  }
}

extension BackupMetadata.Volume {
  /// `12 files, 3.4 MB`, and what of that is holes and second names.
  var contents: String {
    var parts = ["\(files) files", ByteCount(bytes).description]
    if let apparentBytes { parts.append("\(ByteCount(apparentBytes)) with holes") }
    if let secondNames { parts.append("\(secondNames) second names") }
    return parts.joined(separator: ", ")
  }

  /// What is to be known of single files: a word for it, and which.
  var remarks: [(String, String)] {
    (mounts ?? []).map { ("mounted", "\($0) (another file system, stored with the volume)") }
      + skipped.map { ("skipped", $0) }
      + (restless ?? []).map { ("RESTLESS", "\($0) (written whenever it was looked at: perhaps not of one moment)") }
      + (omitted ?? []).map { ("NOT STORED", $0) }
  }
}

extension BackupMetadata.Chain {
  /// `7f3a12…, block 1200 (3f09…), acknowledged to 1199`
  var summary: String {
    "\(id.prefix(12)), block \(height) (\(head.prefix(12))), acknowledged to \(acknowledged)"
  }
}

extension Double {
  var inSeconds: String { String(format: "%.1f s", self) }
}
