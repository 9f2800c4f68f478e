import BlobStore
import GoudCore
import Layout

extension Repository {
  /// Reads every byte, and moves the packs of which one is not what it was out of the format's folders: what they held is
  /// missing then, and the next backup stores it anew as far as the volumes have it. The index must be made anew after it.
  /// - Returns: the packs, by name; each lies in `goud/damaged` as it was.
  public func setAsideDamaged() throws -> [ObjectID] {
    try locked(exclusive: true) { lock in
      let bad = Set(try check(.init(readData: .all)).problems.filter { $0.severity == .damage }.map(\.object))
      let packs = try list(.data).map(\.id).filter { bad.contains(RepositoryName.object($0.hex, in: .data)) }
      for pack in packs {
        try lock.check()
        let name = RepositoryName.object(pack.hex, in: .data)
        do {
          try store.put(try store.read(name, limit: Int(UInt32.max)), as: "goud/damaged/\(pack.hex)")
        } catch let error as GoudError where error.code == .blobExists {
          // From a run that was interrupted here.
        }
        try store.delete(name)
      }
      return packs
    }
  }
}
