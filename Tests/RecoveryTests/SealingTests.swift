import Archive
import BlobStore
import Foundation
import GoudCore
import TestSupport
import Testing

@testable import Backup

#if canImport(Glibc)
  import Glibc
#endif

/// Needs `age`.
@Suite struct SealingTests {
  /// An archive's bytes that know when they are let go of.
  private final class Watched: ArchiveBytes {
    let file: Descriptor
    let size: Int64? = nil
    init(_ path: String) throws { file = try Descriptor.open(path, O_RDONLY) }
    func checksum() -> [UInt8]? { nil }
    func signature() -> [UInt8]? { nil }
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws -> Int {
      try file.read(into: buffer, at: offset)
    }
  }

  private final class Weak {
    weak var watched: Watched?
  }

  /// The processes of this machine that were told of a file.
  private func ages(_ identity: String) throws -> Int {
    try FileSystem.names(in: "/proc").filter { Int($0) != nil }.count { process in
      guard let line = try? Descriptor.open("/proc/\(process)/cmdline", O_RDONLY).readAll() else { return false }
      return String(decoding: line, as: UTF8.self).contains(identity)
    }
  }

  @Test func aLookIntoASealedArchiveLeavesNeitherThreadNorProgram() async throws {
    try await withTemporaryDirectory { root in
      let (identity, sealed) = ("\(root)/key", "\(root)/x.tar.age")
      let script = """
        age-keygen -o "$1" 2>/dev/null
        head -c 20000000 /dev/zero | age -r "$(age-keygen -y "$1")" -o "$2"
        """
      let made = try await Programs.run("/bin/sh", ["-ec", script, "sh", identity, sealed])
      try #require(made.status == 0, "\(made.errors)")
      let weak = try await onThread {
        let weak = Weak()
        let watched = try Watched(sealed)
        weak.watched = watched
        let opened = OpenedBytes(watched, path: sealed, identity: identity)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1000, alignment: 8)
        defer { buffer.deallocate() }
        // From the start, and from the start again.
        for _ in 0..<3 {
          for offset in [0, 1000] as [Int64] {
            guard try opened.read(into: buffer, at: offset) == 1000 else { throw TestFailure("it came short") }
          }
        }
        return UncheckedBox(weak)
      }
      try await waitUntil("the programs to end") { try ages(identity) == 0 }
      try await waitUntil("the threads to end") { weak.value.watched == nil }
    }
  }

  private struct UncheckedBox<Value>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
  }
}

@Suite struct BlobBytesTests {
  /// A store whose second read fails, once.
  private final class Faulty: BlobStore, @unchecked Sendable {
    let location = "test://faulty"
    let requests = RequestCounter()
    let bytes: [UInt8]
    private let lock = NSLock()
    private var reads = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }
    func list(in folder: String, deep: Bool) -> [BlobStatus] { [] }
    func status(of name: String) -> BlobStatus? { nil }
    func upload(_ name: String, estimate: Int64) throws -> any BlobUpload { throw TestFailure("it takes nothing") }
    func put(_ bytes: [UInt8], as name: String) throws { throw TestFailure("it takes nothing") }
    func delete(_ name: String) {}
    func delete(_ names: [String]) {}
    func read(_ blob: BlobStatus, at offset: Int64, count: Int) throws -> [UInt8] {
      try read(blob.name, at: offset, count: count)
    }
    func read(_ name: String, at offset: Int64, count: Int) throws -> [UInt8] {
      let number = lock.withLock {
        reads += 1
        return reads
      }
      if number == 2 { throw GoudError(.blobUnreachable, "the store is away") }
      return Array(bytes[Int(offset)..<min(bytes.count, Int(offset) + count)])
    }
  }

  @Test(.timeLimit(.minutes(5))) func whatFailedOnItsWayIsAskedForAnew() async throws {
    let content = (0..<17).flatMap { [UInt8](repeating: $0, count: 1 << 20) }
    let failures = try await onThread {
      let blob = BlobStatus(name: "x.tar", bytes: Int64(content.count), modified: "")
      let bytes = BlobBytes(Faulty(content), blob, whole: true)
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
      defer { buffer.deallocate() }
      var (offset, failures) = (0, 0)
      while offset < content.count {
        do {
          let count = try bytes.read(into: buffer, at: Int64(offset))
          let isSame = content.withUnsafeBytes { memcmp($0.baseAddress! + offset, buffer.baseAddress!, count) == 0 }
          guard isSame else { throw TestFailure("other bytes at \(offset)") }
          offset += count
        } catch is GoudError {
          failures += 1
        }
      }
      return failures
    }
    #expect(failures == 1)
  }
}
