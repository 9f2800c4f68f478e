import Archive
import Foundation
import GoudCore

/// The name of a backup's file: `goud-chain-backup-<environment>-<yyyyMMdd-HHmmss>.tar[.gz|.zst][.age]`.
package struct BackupName: Equatable {
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

  private static let prefix = "goud-chain-backup-"
}

extension String {
  /// The name that an archive has, or had before it was sealed.
  package var withoutSeal: String { hasSuffix(SealedSink.suffix) ? String(dropLast(SealedSink.suffix.count)) : self }
}
