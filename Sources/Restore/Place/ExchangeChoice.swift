import GoudCore
import Layout

extension VolumePlace {
  /// The part of restore `id` that this volume has, by what is on disk; one that is settled when there is none.
  func exchange(_ id: String, _ renames: Renames = Renames()) throws -> any VolumeExchange {
    let inside = InsideExchange(place: self, id: id, renames: renames)
    return try inside.marker() != nil ? inside : BesideExchange(place: self, id: id, renames: renames)
  }

  /// The part that it will have, at the given site.
  func newExchange(_ id: String, _ site: RestoreName.Site, _ renames: Renames) -> any VolumeExchange {
    switch site {
    case .beside: BesideExchange(place: self, id: id, renames: renames)
    case .inside: InsideExchange(place: self, id: id, renames: renames)
    }
  }
}
