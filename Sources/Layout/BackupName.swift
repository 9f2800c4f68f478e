public import Foundation

/// The name of a backup's file: `goud-chain-backup-<environment>-<yyyyMMdd-HHmmss>.tar[.gz|.zst][.age]`.
public struct BackupName: Equatable, Sendable {
  /// Of an archive that is compressed with gzip, with zstd, not at all.
  public static let gzip = ".tar.gz"
  public static let zstd = ".tar.zst"
  public static let tar = ".tar"
  private static let suffixes = [gzip, zstd, tar]
  /// Of an archive that is sealed for a recipient.
  public static let sealSuffix = ".age"

  public let environment: String
  /// UTC.
  public let moment: Date

  /// - Returns: nil for any other name: such a file is not Goud's.
  public init?(file sealed: String) {
    let file = sealed.withoutSeal
    guard let suffix = Self.suffixes.first(where: { file.hasSuffix($0) }),
      file.hasPrefix(Self.prefix)
    else { return nil }
    let stem = file.dropFirst(Self.prefix.count).dropLast(suffix.count)
    guard stem.count > 16, let moment = BackupStamp.date(String(stem.suffix(15))), stem.dropLast(15).last == "-" else {
      return nil
    }
    environment = String(stem.dropLast(16))
    self.moment = moment
  }

  /// What such a name begins with, in front of the suffixes.
  public static func stem(of environment: String, at moment: Date) -> String {
    "\(prefix)\(environment)-\(BackupStamp.text(moment))"
  }

  /// Whether a file may be an archive, whoever gave it its name.
  public static func isArchive(_ name: String) -> Bool {
    !name.hasPrefix(".") && suffixes.contains { name.withoutSeal.hasSuffix($0) }
  }

  /// The digest of the whole archive, beside it.
  public static func checksum(of archive: String) -> String { "\(archive).sha256" }
  /// What `minisign` makes of that checksum: who vouches for the archive.
  public static func signature(of archive: String) -> String { "\(checksum(of: archive)).minisig" }
  /// That it was read, and what was found in it.
  public static func verification(of archive: String) -> String { "\(archive).verified.json" }

  /// Everything that lies beside an archive: it goes with it.
  public static func companions(of archive: String) -> [String] {
    [checksum(of: archive), signature(of: archive), verification(of: archive)]
  }

  /// The archive that something lies beside; nil for any other name.
  public static func archive(of companion: String) -> String? {
    companions(of: "").first { companion.hasSuffix($0) && companion.count > $0.count }
      .map { String(companion.dropLast($0.count)) }
  }

  private static let prefix = "goud-chain-backup-"
}

extension String {
  /// Whether an archive of this name is sealed for a recipient.
  public var isSealed: Bool { hasSuffix(BackupName.sealSuffix) }

  /// The name that an archive has, or had before it was sealed.
  public var withoutSeal: String { isSealed ? String(dropLast(BackupName.sealSuffix.count)) : self }
}

extension Date {
  /// Whether this is later than `now`, by more than the clocks of two machines that keep time differ: five minutes.
  public func isAhead(of now: Date) -> Bool { self > now.addingTimeInterval(300) }
}
