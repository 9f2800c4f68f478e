import Foundation
import GoudCore
import TestSupport

#if canImport(Glibc)
  import Glibc
#endif

/// A connection that says exactly what a test wants it to say, byte by byte. Blocks: for `onThread` alone.
final class RawConnection: Sendable {
  private let socket: Descriptor

  /// - Parameter receiveBuffer: the kernel's, in bytes; nil leaves it as it is.
  init(port: Int, receiveBuffer: Int32? = nil) throws {
    let fd = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard fd >= 0 else { throw GoudError.system("socket", "127.0.0.1") }
    socket = Descriptor(fd: fd, path: "127.0.0.1:\(port)")
    if var receiveBuffer {
      setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, socklen_t(MemoryLayout<Int32>.size))
    }
    var patience = timeval(tv_sec: 60, tv_usec: 0)
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
    let connected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(fd, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard connected == 0 else { throw GoudError.system("connect to", socket.path) }
  }

  /// Sends all of it; false when the other end has closed.
  @discardableResult
  func send(_ text: String) -> Bool { send(Array(text.utf8)) }

  @discardableResult
  func send(_ bytes: [UInt8]) -> Bool {
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.send(socket.fd, $0.baseAddress! + done, bytes.count - done, Int32(MSG_NOSIGNAL))
      }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return false }
      done += count
    }
    return true
  }

  /// Sends as much of it as the system takes at once.
  @discardableResult
  func offer(_ text: String) -> Int {
    let bytes = Array(text.utf8)
    return bytes.withUnsafeBytes {
      max(0, Glibc.send(socket.fd, $0.baseAddress!, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)))
    }
  }

  /// Says that nothing more will come.
  func finish() { shutdown(socket.fd, Int32(SHUT_WR)) }

  /// Ends at once, with a reset.
  func reset() {
    var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
    setsockopt(socket.fd, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
  }

  /// What comes until the other end closes or resets, or until `enough`. Throws after a minute of silence.
  func receive(until enough: (String) -> Bool = { _ in false }) throws -> String {
    var text: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while !enough(String(decoding: text, as: UTF8.self)) {
      let count = recv(socket.fd, &buffer, buffer.count, 0)
      if count < 0 && errno == EINTR { continue }
      if count < 0 && errno == EAGAIN {
        throw TestFailure("nothing came for a minute after: \(String(decoding: text, as: UTF8.self))")
      }
      guard count > 0 else { break }
      text += buffer[..<count]
    }
    return String(decoding: text, as: UTF8.self)
  }
}
