import Foundation
import GoudCore
import Hummingbird
import RocksDB

extension NodeHTTP {
  var metricsRoutes: [Route] {
    [
      Route("/api/metrics") { _, _ in
        let status = service.status
        return try Answer.json(
          MetricsBody(
            volumeMetrics: try await usage.value(), fileSystem: FileSystemBody(try FileSystem.room(at: volume)),
            node: HealthBody(status), headAgeSeconds: status.headAge(), process: ProcessBody(ProcessFigures())))
      },
      Route("/api/metrics/prometheus") { _, _ in
        Response(
          status: .ok, headers: [.contentType: Exposition.contentType, .cacheControl: "no-store"],
          body: .init(byteBuffer: ByteBuffer(string: try await exposition())))
      },
    ]
  }

  private func exposition() async throws -> String {
    var exposition = Exposition()
    (try await usage.value()).write(to: &exposition)
    if let room = try? FileSystem.room(at: volume) { room.write(to: &exposition) }
    service.status.write(to: &exposition)
    if let ledger = try? service.ledger {
      exposition = try await pool.run { [exposition] in
        var exposition = exposition
        DatabaseFigures.write(of: ledger, to: &exposition)
        return exposition
      }
    }
    requests.write(to: &exposition)
    exposition.gauge("goud_http_connections", "Open connections.", Double(connections.count))
    ProcessFigures().write(to: &exposition)
    exposition.family("goud_build_info", .gauge, "Always 1; which release this is, and of which RocksDB.") {
      $0.sample(1, ["version": Release.version, "rocksdb": RocksDBLibrary.version])
    }
    return exposition.text
  }
}

private struct MetricsBody: Encodable {
  let volumeMetrics: VolumeUsage
  let fileSystem: FileSystemBody
  let node: HealthBody
  let headAgeSeconds: Double?
  let process: ProcessBody
}

private struct FileSystemBody: Encodable {
  let totalBytes: Int64
  let freeBytes: Int64
  let availableBytes: Int64
  let usedPercent: Double

  init(_ room: Room) {
    totalBytes = room.total.bytes
    freeBytes = room.free.bytes
    availableBytes = room.available.bytes
    usedPercent = room.usedPercent
  }
}

private struct ProcessBody: Encodable {
  let residentBytes: Double?
  let cpuSeconds: Double
  let openFiles: Double?

  init(_ figures: ProcessFigures) {
    residentBytes = figures.residentBytes
    cpuSeconds = figures.processorSeconds
    openFiles = figures.openFiles
  }
}

extension VolumeUsage {
  /// The names of the guide, and nothing else.
  fileprivate func write(to exposition: inout Exposition) {
    exposition.gauge("goud_volume_disk_used_bytes", "Sizes of the volume's files.", Double(diskUsedBytes))
    exposition.gauge("goud_volume_disk_used_mb", "The same in units of 1048576 bytes.", Double(diskUsedMb))
    exposition.gauge("goud_volume_rocksdb_present", "1: the volume holds a RocksDB.", rocksdbPresent ? 1 : 0)
    exposition.gauge("goud_volume_sst_files", "Table files of the volume's RocksDB.", Double(sstFileCount))
  }
}

extension Room {
  fileprivate func write(to exposition: inout Exposition) {
    exposition.gauge("goud_volume_filesystem_size_bytes", "Size of the volume's file system.", Double(total.bytes))
    exposition.gauge("goud_volume_filesystem_free_bytes", "What is free of it.", Double(free.bytes))
    exposition.gauge(
      "goud_volume_filesystem_available_bytes", "What a process without privileges may still write.",
      Double(available.bytes))
  }
}
