/// What a prune does with each pack; decided before anything is changed.
struct PrunePlan {
  /// Stays as it is.
  var keep: [(id: ObjectID, entries: [PackEntry])] = []
  /// Goes after the blobs that are still needed were stored again.
  var repack: [(id: ObjectID, needed: [PackEntry])] = []
  /// Goes: nothing in it is needed.
  var drop: [ObjectID] = []
  /// Bytes of boxes in kept packs that nobody needs.
  var unusedKept = 0
  /// Bytes of boxes that go.
  var freed = 0

  /// - Parameters:
  ///   - used: what the snapshots need.
  ///   - maxUnused: how much of what is kept may be unneeded, as a part of all of it; what wastes most is packed again.
  init(_ index: RepositoryIndex, used: [BlobKind: Set<ObjectID>], maxUnused: Double) {
    var wasteful: [(id: ObjectID, entries: [PackEntry], needed: [PackEntry], unused: Int)] = []
    // Of several copies the first one counts.
    var left = used
    var total = 0
    index.forEachPack { id, entries in
      let needed = entries.filter { left[$0.kind]?.remove($0.id) != nil }
      let size = entries.reduce(0) { $0 + Int($1.length) }
      let unused = size - needed.reduce(0) { $0 + Int($1.length) }
      if needed.isEmpty {
        drop.append(id)
        freed += size
        return
      }
      total += size
      // restic keeps the two apart too, and packs them again otherwise.
      let isMixed = Set(entries.map(\.kind)).count > 1
      if unused == 0 && !isMixed {
        keep.append((id, entries))
      } else if isMixed {
        repack.append((id, needed))
        freed += unused
      } else {
        wasteful.append((id, entries, needed, unused))
        unusedKept += unused
      }
    }
    let allowed = Int(maxUnused * Double(total))
    for pack in wasteful.sorted(by: { ($0.unused, $1.id) > ($1.unused, $0.id) }) {
      // Trees are small and read often.
      guard unusedKept > allowed || pack.entries.contains(where: { $0.kind == .tree }) else {
        keep.append((pack.id, pack.entries))
        continue
      }
      repack.append((pack.id, pack.needed))
      unusedKept -= pack.unused
      freed += pack.unused
    }
  }
}
