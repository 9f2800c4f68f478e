import Backup
public import Foundation
import GoudCore
package import Layout
import Volumes

/// What a restore or a rollback replaced, kept beside the volume as `.NAME.replaced-<yyyyMMdd-HHmmss>`, or in the root of
/// one that is a mount point as `.goud-replaced-<yyyyMMdd-HHmmss>`. All volumes that one run replaced carry the same stamp.
public struct SafetyCopy: Sendable, Hashable {
  public let place: VolumePlace
  package let site: RestoreName.Site
  /// `20261123-121123`, UTC; with `-2`, `-3` … for further runs in the same second.
  public let stamp: String
  /// When it was replaced.
  public let moment: Date

  public var path: String { place.path(.replaced, stamp, site) }

  init?(place: VolumePlace, stamp: String, site: RestoreName.Site = .beside) {
    guard Self.isStamp(stamp), let moment = BackupStamp.date(String(stamp.prefix(15))) else { return nil }
    self.place = place
    self.site = site
    self.stamp = stamp
    self.moment = moment
  }

  /// Whether a text is exactly what stands at the end of a safety copy's name.
  static func isStamp(_ text: String) -> Bool {
    guard BackupStamp.date(String(text.prefix(15))) != nil else { return false }
    let rest = text.dropFirst(15)
    return rest.isEmpty || (Int(rest.dropFirst()).map { $0 > 1 && rest == "-\($0)" } ?? false)
  }

  /// The safety copies of a volume, newest first.
  public static func all(of place: VolumePlace) throws -> [SafetyCopy] {
    try RestoreName.Site.allCases.flatMap { site in
      try place.tails(.replaced, site).compactMap { SafetyCopy(place: place, stamp: $0, site: site) }
    }
    .filter { try FileSystem.status($0.path)?.isDirectory == true }
    .sorted { $0.isNewer(than: $1) }
  }

  /// The volumes in a directory that have safety copies, whether the volume itself is there or not.
  public static func places(in directory: String) throws -> [VolumePlace] {
    try names(in: directory).map { try VolumePlace("\(directory)/\($0)") }.filter { try !all(of: $0).isEmpty }
  }

  /// The names of those that may have any: what lies beside a volume that is known here by a link (Docker's) is not seen
  /// from here.
  package static func names(in directory: String) throws -> [String] {
    guard try FileSystem.status(directory)?.isDirectory == true else { return [] }
    let names = try FileSystem.knownNames(in: directory)
    let beside = names.compactMap { name -> String? in
      guard name.hasPrefix("."), let range = name.range(of: ".replaced-", options: .backwards) else { return nil }
      let volume = name[name.index(after: name.startIndex)..<range.lowerBound]
      return volume.isEmpty ? nil : String(volume)
    }
    // Volumes themselves as well: a mount point keeps its copies in its root.
    let present = try names.filter { name in
      let path = "\(directory)/\(name)"
      guard !name.hasPrefix("."), let status = try FileSystem.status(path) else { return false }
      return status.isDirectory || status.isLink && FileSystem.realPath(path) != nil
    }
    return Set(beside + present).sorted()
  }

  func isNewer(than other: SafetyCopy) -> Bool {
    moment != other.moment ? moment > other.moment : number > other.number
  }

  private var number: Int { Int(stamp.dropFirst(16)) ?? 1 }

  /// A stamp for now that no volume of the run has a safety copy of, and that none is newer than: with a clock that
  /// was set back, the copy made last is still the newest.
  static func newStamp(for places: [VolumePlace], now: Date) throws -> String {
    let copies = try places.flatMap { try all(of: $0) }
    guard let newest = copies.max(by: { $1.isNewer(than: $0) }), newest.moment.timeIntervalSince(now) > -1 else {
      return BackupStamp.text(now)
    }
    return "\(newest.stamp.prefix(15))-\(newest.number + 1)"
  }
}
