import Foundation
import GRPCCore
import GoudCore
import PeerProtocol
import Replication
import SwiftProtobuf
import Synchronization
import TestSupport
import Testing

@testable import Node

#if canImport(Glibc)
  import Glibc
#endif

/// Whoever sends what no correct node sends is dropped with a reason, and everybody else is served on.
@Suite struct BadPeerTests {
  let meeting = Meeting()

  private typealias Follow = @Sendable (RPCWriter<Goud_Peer_V1_FollowerMessage>) async throws -> Void

  /// Says something to the authority on a stream of its own, and returns the refusal it gets.
  private func refusal(at address: HostPort, _ say: @escaping Follow) async throws -> String? {
    try await meeting.call(address) { client in
      var options = PeerLimits.call()
      options.maxRequestMessageBytes = 1 << 30
      return try await client.follow(options: options) { writer in
        try await say(writer)
        try await Task.sleep(for: .seconds(60))
      } onResponse: { response in
        for try await message in response.messages {
          if case .refusal(let refusal)? = message.kind { return refusal.code }
        }
        return nil
      }
    }
  }

  @Test func aStreamThatBeginsWithoutIntroductionIsRefused() async throws {
    let host = StubHost(meeting)
    try await withPeerServer(meeting.identity("node1"), host) { [meeting] address, _ in
      let refusal = try await refusal(at: address) {
        try await $0.write(.with { $0.stored.head = meeting.origin.wire })
      }
      #expect(refusal == "peer.malformed")
    }
    #expect(host.record.withLock { $0.followers.isEmpty })
  }

  @Test func aPeerThatSaysNothingIsDropped() async throws {
    try await withPeerServer(meeting.identity("node1"), StubHost(meeting)) { address, book in
      let silent = try await refusal(at: address) { _ in }
      #expect(silent == "peer.silent")
      #expect(book["node2"]?.fault?.code == .silent)
    }
  }

  @Test func messagesOfWrongShapeAreRefused() async throws {
    let id = BlockID(height: 5, epoch: 1, hash: [UInt8](repeating: 1, count: 32)).wire
    var short = id
    short.hash = Data([1, 2, 3])
    #expect(throws: PeerFault.self) { try BlockID(wire: short) }
    #expect(throws: PeerFault.self) { try Locator.parse([]) }
    #expect(throws: PeerFault.self) { try Locator.parse([id]) }
    #expect(throws: PeerFault.self) {
      try Locator.parse([BlockID](repeating: self.meeting.origin, count: 67).map(\.wire))
    }
    #expect(throws: PeerFault.self) { try FollowerSaid(wire: .init()) }
    #expect(throws: PeerFault.self) { try FollowerSaid(wire: .with { $0.introduction = .init() }) }
    #expect(throws: PeerFault.self) { try FollowerSaid(wire: .with { $0.promise.epoch = 1 }) }
    #expect(throws: PeerFault.self) { try FollowerSaid(wire: .with { $0.submit = .init() }) }
    let many = [Data](repeating: Data([1]), count: PeerLimits.submittedEntries + 1)
    #expect(throws: PeerFault.self) { try FollowerSaid(wire: .with { $0.submit.entries = many }) }
    var position = meeting.position.wire
    position.acknowledged = 9
    #expect(throws: PeerFault.self) { try Position(wire: position) }
    position.acknowledged = 0
    position.beginning = Data([1])
    #expect(throws: PeerFault.self) { try Position(wire: position) }
  }

  @Test func aMessageOfNineMebibytesIsCutOff() async throws {
    let host = StubHost(meeting)
    try await withPeerServer(meeting.identity("node1"), host) { [meeting] address, _ in
      // Whether it hears why depends on how much of it was on its way.
      let refusal = try? await refusal(at: address) {
        try await $0.write(.with { $0.submit.entries = [Data(count: 9 << 20)] })
      }
      #expect(refusal == nil || refusal == "peer.malformed")
      // Others are served.
      let reply = try await meeting.call(address) { try await $0.inspect(.init()) }
      #expect(reply.node == "node1")
    }
  }

  @Test func bytesThatAreNoHTTP2DoNotKeepOthersWaiting() async throws {
    try await withPeerServer(meeting.identity("node1"), StubHost(meeting)) { [meeting] address, _ in
      let garbage = try RawPeer(port: address.port)
      let silent = try RawPeer(port: address.port)
      garbage.send([UInt8](repeating: 0xff, count: 100_000))
      let reply = try await meeting.call(address) { try await $0.inspect(.init()) }
      #expect(reply.node == "node1")
      _ = silent
    }
  }

  @Test func moreConnectionsThanPlacesTakeNoValidatorsSeat() async throws {
    try await withPeerServer(meeting.identity("node1"), StubHost(meeting)) { [meeting] address, _ in
      var held: [RawPeer] = []
      for number in 0..<PeerLimits.visitors + 100 {
        let peer = try RawPeer(port: address.port)
        // Every second one looks like the beginning of TLS.
        if number % 2 == 0 { peer.send([22, 3, 1, 2, 0, 1]) }
        held.append(peer)
      }
      let begun = ContinuousClock.now
      let reply = try await meeting.call(address) { try await $0.inspect(.init()) }
      #expect(reply.node == "node1" && ContinuousClock.now - begun < PeerLimits.handshake)
      // What is not given up for others has its time.
      try await waitUntil("all to be closed") { held.allSatisfy(\.closed) }
    }
  }

  /// A message that is not whole yet takes room; so many there are, and no more. Each call ends by the server's word: in
  /// a build with assertions gRPC's client does not bear that a call is given up which its connection had no room for.
  @Test func ofManyCallsOnOneConnectionAFewAreBegun() async throws {
    let begun = Count()
    try await withPeerServer(meeting.identity("node1"), StubHost(meeting)) { [meeting] address, _ in
      let atEnd = try await meeting.call(address) { client in
        try await withThrowingTaskGroup(of: Int.self) { group in
          for _ in 0...2 * PeerLimits.streams {
            group.addTask {
              try await client.follow(options: PeerLimits.call()) { _ in
                try await Task.sleep(for: .seconds(60))
              } onResponse: { response in
                for try await message in response.messages {
                  if case .challenge? = message.kind { begun.value.withLock { $0 += 1 } }
                  if case .refusal? = message.kind { return begun.value.withLock { $0 } }
                }
                return 0
              }
            }
          }
          return try await group.reduce(into: []) { $0.append($1) }
        }
      }
      #expect((1...2 * PeerLimits.streams).contains(atEnd.first ?? 0), "\(atEnd)")
      #expect(begun.value.withLock { $0 } == 2 * PeerLimits.streams + 1, "each has its turn")
    }
  }

  @Test func anEntryIsTakenFromValidatorsOnly() async throws {
    let host = StubHost(meeting)
    try await withPeerServer(meeting.identity("node1"), host) { address, _ in
      let refusal = try await refusal(at: address) { try await $0.write(.with { $0.submit.entries = [Data([1])] }) }
      #expect(refusal == "peer.malformed")
    }
    #expect(host.record.withLock { $0.entries.isEmpty })
  }

  @Test func blocksAreServedToTheEnd() async throws {
    let blocks = (0..<2500).map { [UInt8($0 % 256)] }
    try await withPeerServer(meeting.identity("node1"), StubHost(meeting, blocks: blocks)) { [meeting] address, _ in
      func fetch(from: UInt64, limit: UInt64, chain: [UInt8]) async throws -> [[UInt8]] {
        try await meeting.call(address) { client in
          let request = Goud_Peer_V1_BlocksRequest.with {
            $0.chain = Data(chain)
            $0.from = from
            $0.limit = limit
          }
          return try await client.blocks(request, options: PeerLimits.call()) { response in
            var all: [[UInt8]] = []
            for try await batch in response.messages { all += batch.blocks.map { [UInt8]($0) } }
            return all
          }
        }
      }
      let ranges: [(UInt64, UInt64)] = [(0, 0), (1000, 1500), (1000, 3), (1000, .max), (.max, .max)]
      for (from, limit) in ranges {
        let fetched = try await fetch(from: from, limit: limit, chain: meeting.chain)
        #expect(
          fetched == Array(blocks.dropFirst(Int(clamping: from)).prefix(limit == 0 ? .max : Int(clamping: limit))))
      }
      await #expect(throws: RPCError.self) { _ = try await fetch(from: 0, limit: 0, chain: []) }
    }
  }
}

private final class Count: Sendable {
  let value = Mutex(0)
}

/// A TCP connection to 127.0.0.1 that speaks nothing.
final class RawPeer {
  private let fd: Int32

  init(port: Int) throws {
    fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let connected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(fd, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard connected == 0 else { throw GoudError.system("connect to", "\(port)") }
  }

  deinit { close(fd) }

  func send(_ bytes: [UInt8]) { _ = Glibc.send(fd, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }

  /// Whether the other side has closed it.
  var closed: Bool {
    var byte: UInt8 = 0
    let count = recv(fd, &byte, 1, Int32(MSG_DONTWAIT))
    return count == 0 || (count < 0 && errno == ECONNRESET)
  }
}
