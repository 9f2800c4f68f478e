import BlobStore
import Foundation
import GoudCore
import Layout
import Synchronization

/// Puts objects of some MiB, each with one request.
///
/// rclone takes the bytes from a file, in a `PrivatePlace`: it then knows their number and their MD5 before it begins, so
/// that S3 takes the object in one request (a stream of unknown length is five) and refuses what arrived damaged.
///
/// Amazon's S3 and others refuse to replace an object when the request says `If-None-Match: *`. rclone has no word for that;
/// but it sends a header with every request when it is told to. So a second rclone, which only puts, does it. Not every
/// server heeds the header: what is not known to, is tried with the first small object, which is put twice.
final class RclonePut: Sendable {
  /// Whether the store keeps a name from being taken twice.
  enum Exclusion: Sendable {
    /// It refuses the second.
    case kept
    /// It may; it was not tried yet.
    case untried
    /// It replaces.
    case ignored
  }

  private let remote: String
  private let counter: RequestCounter
  private let cancellation: Cancellation
  private let open: @Sendable () throws -> RcloneClient
  private let state: Mutex<(client: RcloneClient?, place: Descriptor?, exclusion: Exclusion)>

  private static let attempts = 6
  /// Objects up to this are put twice to try the store.
  private static let trial = 64 << 10
  /// Objects up to this are read again where the store replaces.
  private static let readAgain = 1 << 20
  /// For rclone that only puts: asked once, since what it would ask again may have been done already.
  static let settings: [String: String?] = [
    "RCLONE_HEADER": "If-None-Match: *", "RCLONE_LOW_LEVEL_RETRIES": "0", "RCLONE_S3_NO_HEAD": "true",
    "RCLONE_S3_UPLOAD_CUTOFF": "5Gi", "RCLONE_BUFFER_SIZE": "0",
  ]

  /// - Parameter open: starts the rclone that puts; called once, when it is needed.
  init(
    remote: String, exclusion: Exclusion, counter: RequestCounter, cancellation: Cancellation,
    open: @escaping @Sendable () throws -> RcloneClient
  ) {
    (self.remote, self.counter, self.cancellation, self.open) = (remote, counter, cancellation, open)
    state = Mutex((nil, nil, exclusion))
  }

  /// - Parameter key: from the bucket on.
  func put(_ bytes: [UInt8], as name: String, key: String, in store: some BlobStore) throws {
    let file = try spool(bytes)
    var lost = false
    for attempt in 1...Self.attempts {
      do {
        if exclusion != .kept, try store.status(of: name) != nil {
          throw GoudError(.blobExists, "\(store.location)/\(name) is already there")
        }
        try send(file, name, key)
        return try settle(bytes, file, name, key, in: store)
      } catch let error as GoudError where error.code == .blobExists && lost {
        // It may be ours, of an attempt whose answer was lost.
        guard try store.read(name, at: 0, count: bytes.count + 1) == bytes else { throw error }
        return
      } catch let error as GoudError where error.code == .blobUnreachable && attempt < Self.attempts {
        lost = true
        try pause(0.2 * Double(1 << attempt))
      }
    }
  }

  private var exclusion: Exclusion { state.withLock { $0.exclusion } }

  /// The object was taken: by us alone?
  private func settle(
    _ bytes: [UInt8], _ file: Temporary, _ name: String, _ key: String, in store: some BlobStore
  ) throws {
    if exclusion == .untried && bytes.count <= Self.trial {
      do {
        try send(file, name, key)
        state.withLock { $0.exclusion = .ignored }
      } catch let error as GoudError where error.code == .blobExists {
        state.withLock { $0.exclusion = .kept }
        return
      } catch let error as GoudError where error.code == .blobUnreachable {}
    }
    guard exclusion != .kept else { return }
    let ours =
      bytes.count <= Self.readAgain
      ? try store.read(name, at: 0, count: bytes.count + 1) == bytes
      : try store.status(of: name)?.bytes == Int64(bytes.count)
    guard ours else { throw GoudError(.blobExists, "\(store.location)/\(name) was put by another run meanwhile") }
  }

  private func send(_ file: Temporary, _ name: String, _ key: String) throws {
    try cancellation.check()
    let client = try state.withLock { state in
      if let client = state.client { return client }
      let client = try open()
      state.client = client
      return client
    }
    counter.count(.put)
    let _: Nothing = try client.call(
      "operations/copyfile",
      Copying(srcFs: file.parent.path, srcRemote: file.name.text, dstFs: remote, dstRemote: key), about: name,
      once: true)
  }

  private func spool(_ bytes: [UInt8]) throws -> Temporary {
    let place = try state.withLock { state in
      if let place = state.place { return place }
      let place = try PrivatePlace.open()
      try Leftovers(in: place).remove()
      state.place = place
      return place
    }
    let file = try Temporary.create(.file, for: "put", in: place)
    try file.content.write(bytes)
    return file
  }

  private func pause(_ seconds: Double) throws {
    // Not by the clock on the wall, which may be set back by a year meanwhile.
    let end = ContinuousClock.now + .seconds(seconds)
    while .now < end {
      try cancellation.check()
      Thread.sleep(forTimeInterval: min(0.1, max(0.001, (end - .now) / .seconds(1))))
    }
  }
}
