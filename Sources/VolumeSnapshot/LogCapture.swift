import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// The logs of one database, looked at again and again. What was copied of them is kept from one look to the next.
struct LogCapture {
  let scratch: Scratch
  /// Nobody writes the logs: they are read where they are.
  let isAtRest: Bool
  private var kept: [String: LogCopy] = [:]
  /// How many bytes all looks together have copied, or read where they are.
  private(set) var copied: Int64 = 0

  init(scratch: Scratch, isAtRest: Bool = false) { (self.scratch, self.isAtRest) = (scratch, isAtRest) }

  /// Step 3: brings the copies up to date, oldest first.
  /// - Returns: nil when a log was gone before it could be opened, or ended before its size when it was read.
  mutating func look(in directory: UntrustedDirectory, _ cancellation: Cancellation) throws -> [LogCopy]? {
    let names = try names(in: directory)
    kept = kept.filter { name, _ in names.contains { $0.1 == name } }
    for (number, name) in names {
      guard var log = try copy(of: name, number, in: directory) else { return nil }
      copied += try log.extend(cancellation)
      guard log.isComplete else { return nil }
      kept[name] = log
    }
    return names.map { kept[$0.1]! }
  }

  /// Step 4: every log is still the same file under its name, and none but the newest was given another record.
  func isUnchanged(_ logs: [LogCopy], in directory: UntrustedDirectory) throws -> Bool {
    for (index, log) in logs.enumerated() {
      guard let named = try directory.status(log.name), named.identity == log.status.identity,
        Int64(named.st_size) >= log.scan.end
      else { return false }
      if index < logs.count - 1, try !log.isUnchanged(named) { return false }
    }
    return true
  }

  private func copy(of name: String, _ number: UInt64, in directory: UntrustedDirectory) throws -> LogCopy? {
    if let log = kept[name], try directory.status(name)?.identity == log.status.identity { return log }
    guard let source = try directory.file(name) else { return nil }
    let copy = try isAtRest ? source : scratch.anonymousFile()
    return try LogCopy(number: number, name: name, source: source, copy: copy)
  }

  private func names(in directory: UntrustedDirectory) throws -> [(UInt64, String)] {
    var names: [(UInt64, String)] = []
    try directory.visit { entry in
      guard entry.kind != .directory, let name = entry.text, case .log(let number) = DatabaseFileName(name) else {
        return
      }
      names.append((number, name))
    }
    return names.sorted { $0.0 < $1.0 }
  }
}
