import Backup
import Foundation
import GoudCore
import Volumes

/// What a restore or a rollback replaced, kept beside the volume as `.NAME.replaced-<yyyyMMdd-HHmmss>`. All volumes
/// that one run replaced carry the same stamp.
public struct SafetyCopy: Sendable, Hashable {
  public let place: VolumePlace
  /// `20261123-121123`, UTC; with `-2`, `-3` … for further runs in the same second.
  public let stamp: String
  /// When it was replaced.
  public let moment: Date

  public var path: String { place.safetyCopy(stamp) }

  init?(place: VolumePlace, stamp: String) {
    guard let moment = BackupStamp.date(String(stamp.prefix(15))) else { return nil }
    let rest = stamp.dropFirst(15)
    guard rest.isEmpty || rest.first == "-" && (Int(rest.dropFirst()).map { $0 > 1 } ?? false) else { return nil }
    self.place = place
    self.stamp = stamp
    self.moment = moment
  }

  /// The safety copies of a volume, newest first.
  public static func all(of place: VolumePlace) throws -> [SafetyCopy] {
    try place.siblings(.replaced).compactMap { SafetyCopy(place: place, stamp: $0) }
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
    let names = try FileSystem.names(in: directory)
    let beside = names.compactMap { name -> String? in
      guard name.hasPrefix("."), let range = name.range(of: ".replaced-", options: .backwards) else { return nil }
      let volume = name[name.index(after: name.startIndex)..<range.lowerBound]
      return volume.isEmpty ? nil : String(volume)
    }
    let linked = try names.filter { name in
      let path = "\(directory)/\(name)"
      return try !name.hasPrefix(".") && FileSystem.status(path)?.isLink == true && FileSystem.realPath(path) != nil
    }
    return Set(beside + linked).sorted()
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
