import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

extension DatabaseCapture {
  /// A log: copied at once, since a recycled log is overwritten in place.
  struct CopiedLog {
    let number: UInt64
    let name: String
    let source: Descriptor
    let status: stat
    let copy: Descriptor
    let size: Int64
  }
}

/// The logs' part of one try to capture a database.
struct LogCapture {
  let directory: UntrustedDirectory
  let scratch: Scratch

  /// Oldest first. nil when one vanished meanwhile.
  func copy() throws -> [DatabaseCapture.CopiedLog]? {
    var logs: [DatabaseCapture.CopiedLog] = []
    for (number, name) in try names() {
      guard let source = try directory.file(name) else { return nil }
      let status = try source.status()
      let copy = try scratch.anonymousFile()
      let size = try source.copy(to: copy, count: Int64(status.st_size))
      logs.append(.init(number: number, name: name, source: source, status: status, copy: copy, size: size))
    }
    return logs
  }

  private func names() throws -> [(UInt64, String)] {
    var names: [(UInt64, String)] = []
    try directory.visit { entry in
      guard entry.kind != .directory, let name = entry.text, case .log(let number) = DatabaseFileName(name) else {
        return
      }
      names.append((number, name))
    }
    return names.sorted { $0.0 < $1.0 }
  }

  /// Every copied log is still the same file under its name, and none but the newest has changed. A recycled log
  /// changes without growing, and time stamps are too coarse to show it, so the bytes are compared.
  func same(_ logs: [DatabaseCapture.CopiedLog]) throws -> Bool {
    for (index, log) in logs.enumerated() {
      guard let named = try directory.status(log.name), named.identity == log.status.identity,
        Int64(named.st_size) >= log.size
      else { return false }
      if index == logs.count - 1 { continue }
      guard Int64(named.st_size) == log.size, try log.source.holdsSame(as: log.copy, count: log.size) else {
        return false
      }
    }
    return true
  }
}
