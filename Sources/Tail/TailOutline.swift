public import Foundation
public import Repository

/// A piece of a tail without its bytes.
public struct TailOutline: Sendable, Equatable {
  public struct Part: Sendable, Equatable {
    /// The log, relative to the volume.
    public var path: String
    /// Where in the log it begins.
    public var offset: Int64
    public var count: Int64

    public init(path: String, offset: Int64, count: Int64) {
      (self.path, self.offset, self.count) = (path, offset, count)
    }
  }

  public let number: UInt64
  public let moment: Date
  public let newest: [String: UInt64]
  public let parts: [Part]
  /// Of the stored object.
  public let digest: ObjectID

  public init(_ piece: TailPiece, digest: ObjectID) {
    (number, moment, newest, self.digest) = (piece.number, piece.moment, piece.newest, digest)
    parts = piece.parts.map { Part(path: $0.path, offset: $0.offset, count: Int64($0.bytes.count)) }
  }

  /// Bytes of logs in it.
  public var bytes: Int64 { parts.reduce(0) { $0 + $1.count } }
}
