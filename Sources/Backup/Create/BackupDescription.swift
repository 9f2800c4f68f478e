import Archive
import Foundation
import GoudCore
import RocksDB
import VolumeSnapshot
import Volumes

// What the snapshots hold, in the archive's words.

extension VolumeSnapshot {
  func archiveVolume(named name: String) -> ArchiveVolume {
    let beside = beside
    return ArchiveVolume(
      name: name,
      others: .init(count: beside.count) { body in
        try beside.each { try body(ArchiveVolume.Item($0)) }
      },
      items: databaseItems.map(ArchiveVolume.Item.init),
      secondNames: .init(count: beside.secondNameCount) { body in
        try beside.eachSecondName { try body(ArchiveVolume.Item($0)) }
      })
  }
}

extension ArchiveVolume.Item {
  init(_ item: VolumeItem) {
    self.init(
      entry: item.entry, content: item.content, version: item.version, prove: item.prove, settle: item.settle)
  }
}

extension BackupMetadata {
  init(
    _ parts: [BackupSelection.Part], leftOut: [LeftOut], name: String, environment: String, moment: Date,
    toolVersion: String
  ) {
    self.init(
      name: name, environment: environment, timestamp: moment, host: ProcessInfo.processInfo.hostName,
      toolVersion: toolVersion, volumes: parts.map(\.metadata), leftOut: leftOut.isEmpty ? nil : leftOut)
    formatVersion = neededVersion
  }
}

extension BackupSelection.Part {
  var metadata: BackupMetadata.Volume {
    let databases = snapshot.databases
    let beside = snapshot.beside
    var sizes: [Int64] = []
    var secondNames = beside.secondNameCount
    for item in snapshot.databaseItems {
      switch item.entry.kind {
      case .file(let size): sizes.append(size)
      case .secondName: secondNames += 1
      case .directory, .link: break
      }
    }
    let stored = sizes.reduce(0, +)
    var metadata = BackupMetadata.Volume(
      name: volume.name, files: sizes.count + beside.files, bytes: stored + beside.bytes,
      databases: databases.map(\.metadata), skipped: beside.skipped,
      unproven: databases.flatMap { database in database.unproven.map { "\(database.location.path): \($0)" } }
        + [unproven].compactMap { $0 },
      chain: chain.map(BackupMetadata.Chain.init),
      others: snapshot.others.isEmpty ? nil : snapshot.others.map(BackupMetadata.Other.init))
    metadata.secondNames = secondNames == 0 ? nil : secondNames
    metadata.apparentBytes = beside.apparentBytes == beside.bytes ? nil : stored + beside.apparentBytes
    metadata.restless = beside.restless.isEmpty ? nil : beside.restless
    metadata.omitted = beside.omitted.isEmpty ? nil : beside.omitted
    metadata.mounts = beside.mounts.isEmpty ? nil : beside.mounts
    return metadata
  }
}

extension BackupMetadata.Other {
  init(_ other: OtherStore) { self.init(path: other.path, what: other.what) }
}

extension DatabaseSnapshot {
  var metadata: BackupMetadata.Database {
    BackupMetadata.Database(
      path: location.path, identity: identity, sequence: view?.sequence ?? 0,
      columnFamilies: view?.families.map(\.name) ?? options?.families.keys.sorted() ?? [],
      estimatedKeys: view?.families.map(\.estimatedKeys).reduce(0, +) ?? 0, optionsFile: optionsName,
      writtenBy: options?.version, provenBy: view == nil ? nil : RocksDBLibrary.version,
      unprovenOrders: unprovenOrders.isEmpty
        ? nil : unprovenOrders.map { .init(family: $0.family, order: $0.order) })
  }
}
