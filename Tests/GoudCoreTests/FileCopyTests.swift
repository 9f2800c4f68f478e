import Foundation
import GoudCore
import TestSupport
import Testing

/// What was copied is what is there, or the copy fails.
@Suite struct FileCopyTests {
  private func file(_ path: String, _ bytes: [UInt8]) throws -> Descriptor {
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    return try Descriptor.open(path, O_RDWR)
  }

  @Test(arguments: [0, 1, 4096, Descriptor.copyPiece, 3 * Descriptor.copyPiece + 5])
  func everyByteIsCopiedAndSeenInOrder(_ count: Int) throws {
    try inTemporaryDirectory { scratch in
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
      let source = try file("\(scratch)/source", bytes)
      let target = try file("\(scratch)/target", [])
      var seen: [UInt8] = []
      let end = try source.copy(from: 0, to: Int64(count), into: target) { piece, offset in
        #expect(offset == seen.count)
        seen += piece
      }
      #expect(end == count && seen == bytes)
      #expect(try target.readAll() == bytes)
      #expect(try source.holdsSame(as: target, from: 0, to: Int64(count)))
    }
  }

  @Test func aCopyGoesOnWhereItIsToldTo() throws {
    try inTemporaryDirectory { scratch in
      let source = try file("\(scratch)/source", [UInt8](repeating: 7, count: 1000))
      let target = try file("\(scratch)/target", [UInt8](repeating: 1, count: 600))
      #expect(try source.copy(from: 500, to: 900, into: target) == 900)
      #expect(try target.readAll() == [UInt8](repeating: 1, count: 500) + [UInt8](repeating: 7, count: 400))
    }
  }

  @Test func aCopyEndsWhereItsSourceEndsAndSaysSo() throws {
    try inTemporaryDirectory { scratch in
      let source = try file("\(scratch)/source", [1, 2, 3])
      #expect(try source.copy(from: 0, to: 1 << 20, into: try file("\(scratch)/target", [])) == 3)
    }
  }

  /// `/dev/zero` takes everything and gives zeros back; `/dev/null` gives nothing back.
  @Test(arguments: ["/dev/zero", "/dev/null"])
  func aTargetThatDoesNotHoldWhatWasWrittenIsAFailure(_ target: String) throws {
    try inTemporaryDirectory { scratch in
      let source = try file("\(scratch)/source", [1, 2, 3])
      let error = #expect(throws: GoudError.self) {
        try source.copy(from: 0, to: 3, into: try Descriptor.open(target, O_RDWR))
      }
      #expect(error?.code == .ioFailed)
    }
  }

  @Test func oneByteThatDiffersAnywhereIsSeen() throws {
    try inTemporaryDirectory { scratch in
      var bytes = [UInt8](repeating: 5, count: Descriptor.copyPiece + 10)
      let source = try file("\(scratch)/source", bytes)
      for place in [0, Descriptor.copyPiece - 1, Descriptor.copyPiece, bytes.count - 1] {
        bytes[place] ^= 1
        let other = try file("\(scratch)/other", bytes)
        #expect(try !source.holdsSame(as: other, from: 0, to: Int64(bytes.count)), "byte \(place)")
        bytes[place] ^= 1
      }
      let shorter = try file("\(scratch)/other", bytes.dropLast())
      #expect(try !source.holdsSame(as: shorter, from: 0, to: Int64(bytes.count)))
    }
  }
}
