import Archive
import Foundation
import GoudCore

/// The name of a backup's file: `goud-chain-backup-<environment>-<yyyyMMdd-HHmmss>.tar[.gz|.zst][.age]`.
package struct BackupName: Equatable {
  /// Of an archive that is sealed for a recipient.
  package static let sealSuffix = ".age"

  package let environment: String
  /// UTC.
  package let moment: Date

  /// - Returns: nil for any other name: such a file is not Goud's.
  package init?(file sealed: String) {
    let file = sealed.withoutSeal
    guard let suffix = Compression.allCases.map(\.fileExtension).first(where: { file.hasSuffix($0) }),
      file.hasPrefix(Self.prefix)
    else { return nil }
    let stem = file.dropFirst(Self.prefix.count).dropLast(suffix.count)
    guard stem.count > 16, let moment = BackupStamp.date(String(stem.suffix(15))), stem.dropLast(15).last == "-" else {
      return nil
    }
    environment = String(stem.dropLast(16))
    self.moment = moment
  }

  /// Whether a file may be an archive, whoever gave it its name.
  package static func isArchive(_ name: String) -> Bool {
    !name.hasPrefix(".") && Compression.allCases.contains { name.withoutSeal.hasSuffix($0.fileExtension) }
  }

  private static let prefix = "goud-chain-backup-"
}

extension String {
  /// Whether an archive of this name is sealed for a recipient.
  package var isSealed: Bool { hasSuffix(BackupName.sealSuffix) }

  /// The name that an archive has, or had before it was sealed.
  package var withoutSeal: String { isSealed ? String(dropLast(BackupName.sealSuffix.count)) : self }
}

extension Date {
  /// Whether this is later than `now`, by more than the clocks of two machines that keep time differ: five minutes.
  package func isAhead(of now: Date) -> Bool { self > now.addingTimeInterval(300) }
}
