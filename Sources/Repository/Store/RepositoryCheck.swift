import BlobStore
import Foundation
public import GoudCore
import Layout
import Synchronization

/// What to look at beyond the structure.
public struct RepositoryCheckOptions: Sendable {
  /// Every blob of the packs of a part is read and proven; nil: none.
  public var readData: Part?

  /// The n-th of m parts, by the packs' names: over m checks everything is read.
  public struct Part: Sendable, Equatable {
    public let number: Int
    public let count: Int

    /// - Parameters: from 1 to `count`, which is at most 256; else nil.
    public init?(_ number: Int, of count: Int) {
      guard (1...256).contains(count), (1...count).contains(number) else { return nil }
      (self.number, self.count) = (number, count)
    }

    public static let all = Part(1, of: 1)!

    func contains(_ id: ObjectID) -> Bool { Int(id.bytes[0]) % count == number - 1 }
  }

  /// Asked before each pack.
  public var cancellation = Cancellation()

  public init(readData: Part? = nil) { self.readData = readData }
}

/// What a check saw.
public struct RepositoryCheckReport: Sendable {
  public internal(set) var packs = 0
  public internal(set) var blobs = 0
  /// Packs that were read and proven, with every blob in them.
  public internal(set) var packsRead = 0
  public internal(set) var bytesRead: Int64 = 0
  public internal(set) var problems: [RepositoryProblem] = []

  /// Whether nothing is lost.
  public var isSound: Bool { !problems.contains { $0.severity == .damage } }
}

/// Names the blobs that snapshots need: gives each once or more to the closure.
public typealias BlobMarking = (any BlobLoader, _ mark: (ObjectID, BlobKind) throws -> Void) throws -> Void

extension Repository {
  /// Looks at everything and changes nothing. Hold an exclusive lock, or take a run that adds something for a hint.
  ///
  /// Structure: each index can be read; each pack is there with the size that follows from the index; what lies in a pack
  /// lies there without gaps; each blob that `used` names is known. With `readData`, each byte of the packs.
  /// - Parameter used: walks the snapshots' trees; what it throws as `repository.damaged` is a finding.
  /// - Throws: what keeps it from looking; never what it finds.
  public func check(
    _ options: RepositoryCheckOptions = .init(), used: BlobMarking? = nil
  ) throws -> RepositoryCheckReport {
    let findings = Findings()
    let present = Dictionary(uniqueKeysWithValues: try list(.data).map { ($0.id, $0.bytes) })
    let index = try loadIndex { id, error in findings.damage("index/\(id)", error.message) }
    checkPacks(index, present, findings)
    if let used { try checkUse(used, index, findings) }
    if let part = options.readData {
      let packs = index.packIDs.filter { part.contains($0) && present[$0] != nil }
      try read(packs, index, findings, options.cancellation)
    }
    return findings.report.withLock { report in
      report.packs = index.packCount
      report.blobs = index.blobCount
      return report
    }
  }

  private func checkPacks(_ index: RepositoryIndex, _ present: [ObjectID: Int], _ findings: Findings) {
    index.forEachPack { id, entries in
      let name = RepositoryName.object(id.hex, in: .data)
      if index.disputed.contains(id) { findings.damage(name, "two indexes say differently what is in it") }
      guard let bytes = present[id] else { return findings.damage(name, "the pack is not there") }
      let expected = PackHeader.packSize(entries)
      if bytes != expected { findings.damage(name, "the pack has \(bytes) bytes instead of \(expected)") }
      var offset = 0
      for entry in entries.sorted(by: { $0.offset < $1.offset }) {
        if Int(entry.offset) != offset { findings.damage(name, "blob \(entry.id) does not follow the one before") }
        offset = entry.end
      }
      if Set(entries.map(\.kind)).count > 1 { findings.hint(name, "data and trees lie in one pack") }
    }
    for id in present.keys.sorted() where index.entries(of: id) == nil {
      findings.hint(RepositoryName.object(id.hex, in: .data), "no index knows the pack")
    }
  }

  private func checkUse(_ used: BlobMarking, _ index: RepositoryIndex, _ findings: Findings) throws {
    do {
      try used(RepositoryReader(self, index: index)) { id, kind in
        if !index.contains(id, as: kind) {
          findings.damage("\(kind) blob \(id)", "a snapshot needs it, and no index knows it")
        }
      }
    } catch let error as GoudError where error.code == .repositoryDamaged {
      findings.damage("snapshots", error.message)
    }
  }

  private func read(
    _ packs: [ObjectID], _ index: RepositoryIndex, _ findings: Findings, _ cancellation: Cancellation
  ) throws {
    let pipeline = OrderedPipeline<ObjectID, Int>(
      name: "check", width: 2, depth: 2,
      transform: { id in
        do {
          return try self.prove(id, against: index.entries(of: id))
        } catch let error as GoudError where error.code == .repositoryDamaged {
          findings.damage(RepositoryName.object(id.hex, in: .data), error.message)
          return 0
        }
      },
      consume: { bytes in
        findings.report.withLock { report in
          report.packsRead += 1
          report.bytesRead += Int64(bytes)
        }
      })
    do {
      for id in packs {
        try cancellation.check()
        try pipeline.submit(id)
      }
    } catch {
      try pipeline.finish(abandoning: true)
      throw error
    }
    try pipeline.finish()
  }

  /// Reads a pack and everything in it: its name, its header, each blob's box, frame and digest.
  /// - Parameter entries: what the index says is in it.
  /// - Returns: its bytes.
  /// - Throws: `repository.damaged`.
  private func prove(_ id: ObjectID, against entries: [PackEntry]?) throws -> Int {
    let name = RepositoryName.object(id.hex, in: .data)
    let pack: [UInt8]
    do {
      pack = try store.read(name, limit: Int(UInt32.max))
    } catch let error as GoudError where error.code == .blobNotFound {
      throw damaged("\(name) is not there")
    }
    guard ObjectID(sha256Of: pack) == id else { throw damaged("\(name) is not what it is named after") }
    guard let header = header(ofPack: pack), header == entries?.sorted(by: { $0.offset < $1.offset }) else {
      throw damaged("the header of \(name) says something else than the index")
    }
    try pack.withUnsafeBytes { bytes in
      for entry in header {
        let end = min(entry.end, bytes.count)
        let box = UnsafeRawBufferPointer(rebasing: bytes[min(Int(entry.offset), end)..<end])
        _ = try open(box, as: entry, of: name)
      }
    }
    return pack.count
  }

  /// What the header at the end of a pack says; nil when there is none.
  /// - Parameter pack: the pack, or its end from where the header begins at the latest.
  func header(ofPack pack: [UInt8]) -> [PackEntry]? {
    pack.withUnsafeBytes { bytes in
      guard let length = Self.headerLength(bytes), length + PackHeader.trailer <= bytes.count else { return nil }
      let box = bytes[(bytes.count - PackHeader.trailer - length)..<(bytes.count - PackHeader.trailer)]
      return key.openIfGenuine(UnsafeRawBufferPointer(rebasing: box)).flatMap(PackHeader.decode)
    }
  }

  /// How long the header's box is.
  static func headerLength(_ end: UnsafeRawBufferPointer) -> Int? {
    guard end.count >= PackHeader.trailer else { return nil }
    let length = Int(
      UInt32(littleEndian: end.loadUnaligned(fromByteOffset: end.count - PackHeader.trailer, as: UInt32.self)))
    return (RepositoryKey.overhead...PackHeader.limit).contains(length) ? length : nil
  }
}

/// Collects what threads find.
private final class Findings: Sendable {
  let report = Mutex(RepositoryCheckReport())

  func damage(_ object: String, _ message: String) { add(.damage, object, message) }
  func hint(_ object: String, _ message: String) { add(.hint, object, message) }

  private func add(_ severity: RepositoryProblem.Severity, _ object: String, _ message: String) {
    report.withLock { $0.problems.append(RepositoryProblem(severity: severity, object: object, message: message)) }
  }
}
