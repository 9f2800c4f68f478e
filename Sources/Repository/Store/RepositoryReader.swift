import BlobStore
import GoudCore
import Layout
import Synchronization

/// Gives blobs back: each is proven by its MAC, its frame and its digest. When a copy is damaged and there is another,
/// that one is taken.
public final class RepositoryReader: BlobLoader {
  private struct Cache {
    var blobs: [ObjectID: [UInt8]] = [:]
    var order: [ObjectID] = []
    var size = 0
  }

  private let repository: Repository
  private let index: RepositoryIndex
  private let cacheSize: Int
  /// Trees only: they are asked for again and again, data hardly ever.
  private let cache = Mutex(Cache())

  /// - Parameter cacheSize: bytes of trees that are kept.
  public init(_ repository: Repository, index: RepositoryIndex, cacheSize: Int = 16 << 20) {
    self.repository = repository
    self.index = index
    self.cacheSize = cacheSize
  }

  public func load(_ id: ObjectID, as kind: BlobKind) throws -> [UInt8] {
    if kind == .tree, let kept = cache.withLock({ $0.blobs[id] }) { return kept }
    let places = index.places(of: id, as: kind)
    guard !places.isEmpty else { throw repository.damaged("no index knows \(kind) blob \(id)") }
    var problem: GoudError?
    for place in places {
      do {
        let blob = try read(place)
        if kind == .tree { keep(id, blob) }
        return blob
      } catch let error as GoudError where error.code == .repositoryDamaged {
        problem = problem ?? error
      }
    }
    throw problem!
  }

  private func read(_ place: RepositoryIndex.Place) throws -> [UInt8] {
    let name = RepositoryName.object(place.pack.hex, in: .data)
    let box: [UInt8]
    do {
      box = try repository.store.read(name, at: Int64(place.entry.offset), count: Int(place.entry.length))
    } catch let error as GoudError where error.code == .blobNotFound {
      throw repository.damaged("\(name) is not there")
    }
    return try box.withUnsafeBytes { try repository.open($0, as: place.entry, of: name) }
  }

  private func keep(_ id: ObjectID, _ blob: [UInt8]) {
    guard blob.count <= cacheSize / 4 else { return }
    cache.withLock { cache in
      guard cache.blobs.updateValue(blob, forKey: id) == nil else { return }
      cache.order.append(id)
      cache.size += blob.count
      while cache.size > cacheSize {
        cache.size -= cache.blobs.removeValue(forKey: cache.order.removeFirst())?.count ?? 0
      }
    }
  }
}

extension RepositoryReader {
  /// Many blobs with few requests: those that lie beside each other in a pack are read together.
  /// - Parameters:
  ///   - ids: in any order; twice is once.
  ///   - body: is given each, in the order of the packs.
  public func load(_ ids: [ObjectID], as kind: BlobKind, _ body: (ObjectID, [UInt8]) throws -> Void) throws {
    for (pack, run) in try runs(of: Set(ids), as: kind) { try load(run, of: pack, body) }
  }

  /// The reads that give blobs back, in the order of the packs.
  func runs(of ids: Set<ObjectID>, as kind: BlobKind) throws -> [(pack: ObjectID, run: ReadRun)] {
    var packs: [ObjectID: [PackEntry]] = [:]
    for id in ids {
      guard let place = index.places(of: id, as: kind).first else {
        throw repository.damaged("no index knows \(kind) blob \(id)")
      }
      packs[place.pack, default: []].append(place.entry)
    }
    return packs.sorted { $0.key < $1.key }.flatMap { pack, entries in ReadRun.merge(entries).map { (pack, $0) } }
  }

  /// How many bytes a blob has.
  func plainLength(of id: ObjectID, as kind: BlobKind) throws -> Int {
    guard let length = index.plainLength(of: id, as: kind) else {
      throw repository.damaged("no index knows \(kind) blob \(id)")
    }
    return length
  }

  func load(_ run: ReadRun, of pack: ObjectID, _ body: (ObjectID, [UInt8]) throws -> Void) throws {
    let name = RepositoryName.object(pack.hex, in: .data)
    let bytes: [UInt8]
    do {
      bytes = try repository.store.read(name, at: Int64(run.offset), count: run.count)
    } catch let error as GoudError where error.code == .blobNotFound {
      bytes = []
    }
    for entry in run.entries {
      let blob: [UInt8]
      do {
        blob = try bytes.withUnsafeBytes {
          let start = min(Int(entry.offset) - run.offset, $0.count)
          let box = UnsafeRawBufferPointer(rebasing: $0[start..<min(start + Int(entry.length), $0.count)])
          return try repository.open(box, as: entry, of: name)
        }
      } catch let error as GoudError where error.code == .repositoryDamaged {
        // There may be another copy.
        blob = try load(entry.id, as: entry.kind)
      }
      try body(entry.id, blob)
    }
  }
}

/// What is read of a pack at once.
struct ReadRun: Equatable {
  private(set) var entries: [PackEntry]
  var offset: Int { Int(entries[0].offset) }
  private(set) var count: Int

  /// What nobody asked for and is read all the same, rather than asking once more.
  private static let gap = 256 << 10
  private static let limit = 16 << 20

  static func merge(_ entries: [PackEntry]) -> [ReadRun] {
    var runs: [ReadRun] = []
    for entry in entries.sorted(by: { $0.offset < $1.offset }) {
      if let last = runs.last, Int(entry.offset) - last.offset - last.count <= gap, entry.end - last.offset <= limit {
        runs[runs.count - 1].entries.append(entry)
        runs[runs.count - 1].count = max(last.count, entry.end - last.offset)
      } else {
        runs.append(ReadRun(entries: [entry], count: Int(entry.length)))
      }
    }
    return runs
  }
}

extension Repository {
  /// What is in the box of a blob, with every check there is.
  /// - Parameter name: of the pack, for what is said.
  func open(_ box: UnsafeRawBufferPointer, as entry: PackEntry, of name: String) throws -> [UInt8] {
    let what = "\(entry.kind) blob \(entry.id) in \(name)"
    guard box.count == Int(entry.length) else { throw damaged("\(what) is cut off") }
    guard var plain = key.openIfGenuine(box) else { throw damaged("\(what) is not what the repository's key sealed") }
    if entry.uncompressedLength > 0 {
      guard let blob = plain.withUnsafeBytes({ Zstd.decompress($0, count: Int(entry.uncompressedLength)) }) else {
        throw damaged("\(what) does not decompress to \(entry.uncompressedLength) bytes")
      }
      plain = blob
    }
    guard ObjectID(sha256Of: plain) == entry.id else { throw damaged("\(what) is not what it is named after") }
    return plain
  }
}
