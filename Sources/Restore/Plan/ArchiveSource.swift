public import Archive
import Backup
import Foundation
public import GoudCore
import Layout
import Volumes

extension RestoreSource {
  /// An archive, a file or an object, perhaps sealed, as the source of a restore. Reads its first kilobytes; one of the guide's scripts, which does not say
  /// what it holds, is read whole.
  ///
  /// - Parameter trust: what it must show first: nothing is read, let alone written, of one that does not.
  /// - Throws: `archive.not-found`, `archive.untrusted`, `archive.checksum-missing`, and what reading it finds
  ///   (`archive.…`).
  public static func archive(
    _ path: String, bytes stored: (any ArchiveBytes)? = nil, trust: ArchiveTrust, identity: String? = nil,
    allowUnverified: Bool = false, restorePrivileges: Bool = false, cancellation: Cancellation = Cancellation(),
    progress: any ProgressSink = NoProgress()
  ) throws -> RestoreSource {
    var options = ArchiveReadOptions()
    let bytes = try OpenedBytes.open(stored, path: path, identity: identity)
    options.bytes = bytes
    options.allowUnverified = allowUnverified
    options.restorePrivileges = restorePrivileges
    options.cancellation = cancellation
    let (signature, checksum) = try trust.require(path, bytes ?? ArchiveReader.bytes(of: path))
    // What was signed is what counts, whatever lies beside the archive when it is unpacked.
    options.checksum = checksum
    var source = try read(path, bytes, options, allowUnverified, trust, signature, progress)
    source.signature = signature
    source.chain = trust.chain
    return source
  }

  private static func read(
    _ path: String, _ bytes: (any ArchiveBytes)?, _ options: ArchiveReadOptions, _ allowUnverified: Bool,
    _ trust: ArchiveTrust, _ signature: ArchiveSignature, _ progress: any ProgressSink
  ) throws -> RestoreSource {
    do {
      let metadata = try ArchiveReader.metadata(of: path, bytes: bytes)
      try trust.require(metadata, of: path, as: signature)
      try refuseMissingChecksum(path, bytes, allowUnverified: allowUnverified)
      return RestoreSource(
        name: metadata.name, environment: metadata.environment, volumes: metadata.volumes,
        build: build(path, options, as: metadata.name))
    } catch let error as GoudError where error.code == .archiveUnsupported {
      var reading = options
      reading.progress = progress
      return nested(try ArchiveVerifier.verify(path: path, options: reading), build: build(path, options, as: nil))
    }
  }

  /// What the extraction would find at its end anyway, said before the work.
  private static func refuseMissingChecksum(
    _ path: String, _ bytes: (any ArchiveBytes)?, allowUnverified: Bool
  ) throws {
    guard !allowUnverified else { return }
    guard try bytes.map({ try $0.checksum() == nil }) ?? (FileSystem.status("\(path).sha256") == nil) else { return }
    throw GoudError(
      .archiveChecksumMissing, "\(path) cannot be verified: \(path).sha256 is missing",
      hint: "fetch it from where the archive came from, or pass --allow-unverified", context: ["path": path])
  }

  private static func nested(
    _ report: ArchiveReport,
    build: @escaping @Sendable (RestoreBuild) throws -> [String]
  ) -> RestoreSource {
    let name = FileSystem.name(of: report.path)
    let volumes = report.volumes.sorted { $0.key < $1.key }.map {
      BackupMetadata.Volume(name: $0.key, files: $0.value.files, bytes: $0.value.bytes, databases: [])
    }
    return RestoreSource(
      name: name.firstIndex(of: ".").map { String(name[..<$0]) } ?? name,
      environment: environment(in: report.oldMetadata) ?? BackupName(file: name)?.environment, sha256: report.sha256,
      volumes: volumes, build: build)
  }

  /// The guide's scripts write lines such as `Environment: local` or `environment=local`.
  private static func environment(in lines: [String]) -> String? {
    for line in lines {
      let words = line.split(whereSeparator: { " :=\t\"',".contains($0) })
      if words.count == 2, words[0].lowercased() == "environment" { return String(words[1]) }
    }
    return nil
  }

  private static func build(
    _ path: String, _ options: ArchiveReadOptions, as name: String?
  ) -> @Sendable (RestoreBuild) throws -> [String] {
    { building in
      let directories = building.directories
      var options = options
      options.cancellation = building.cancellation
      options.progress = building.progress
      if let first = directories.values.min() { options.unpackLimit = try FileSystem.room(at: first).available.bytes }
      let report = try ArchiveExtractor.extract(path: path, options: options, arrived: building.arrived) {
        directories[$0]
      }
      guard report.metadata?.name == name else {
        throw GoudError(.archiveCorrupt, "\(path) changed while it was read: it is another backup", hint: "try again")
      }
      for name in directories.keys.sorted() where report.volumes[name] == nil {
        throw GoudError(.archiveCorrupt, "\(path) changed while it was read: it no longer holds \(name)")
      }
      return report.warnings
    }
  }
}
