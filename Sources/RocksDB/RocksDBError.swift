import CRocksDB

#if canImport(Glibc)
  import Glibc
#endif

/// What RocksDB answered when it did not do what was asked.
public struct RocksDBError: Error, Sendable, CustomStringConvertible {
  /// RocksDB's `Status::Code`, as far as callers tell them apart.
  public enum Kind: Sendable { case notFound, corruption, notSupported, invalidArgument, io, other }

  public let kind: Kind
  /// RocksDB's own words, with the file it names.
  public let message: String

  public init(kind: Kind, message: String) {
    self.kind = kind
    self.message = message
  }

  public var description: String { message }

  /// Throws when `status` is a failure; frees its message.
  static func check(_ status: goud_status) throws {
    guard status.code != 0 else { return }
    defer { free(status.message) }
    throw RocksDBError(kind: kind(of: status.code), message: status.message.map { String(cString: $0) } ?? "unknown")
  }

  /// Runs a function of the C API and throws what it leaves in its error pointer.
  static func check<Result>(_ body: (inout UnsafeMutablePointer<CChar>?) -> Result) throws -> Result {
    var text: UnsafeMutablePointer<CChar>?
    let result = body(&text)
    guard let text else { return result }
    defer { rocksdb_free(text) }
    let message = String(cString: text)
    // The C API passes no code; RocksDB starts each message with its name.
    let kinds: [(String, Kind)] = [
      ("NotFound", .notFound), ("Corruption", .corruption), ("Not implemented", .notSupported),
      ("Invalid argument", .invalidArgument), ("IO error", .io),
    ]
    throw RocksDBError(kind: kinds.first { message.hasPrefix($0.0) }?.1 ?? .other, message: message)
  }

  private static func kind(of code: Int32) -> Kind {
    switch Int(code) {
    case GOUD_NOT_FOUND: .notFound
    case GOUD_CORRUPTION: .corruption
    case GOUD_NOT_SUPPORTED: .notSupported
    case GOUD_INVALID_ARGUMENT: .invalidArgument
    case GOUD_IO_ERROR: .io
    default: .other
    }
  }
}
