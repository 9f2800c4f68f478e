public import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// A TCP socket that listens already: a port that is taken is known before anything else has started.
public final class ListeningSocket {
  /// The port, also where 0 was asked for.
  public let address: HostPort
  private var descriptor: Int32

  /// - Throws: `node.port-in-use`, naming the process that listens there; `io.*` for an address that is not this
  ///   machine's.
  public init(_ wanted: HostPort) throws {
    var hints = addrinfo()
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var found: UnsafeMutablePointer<addrinfo>?
    let status = getaddrinfo(wanted.host, "\(wanted.port)", &hints, &found)
    guard status == 0, let info = found else {
      throw GoudError(
        .ioFailed, "cannot listen on \(wanted): \(String(cString: gai_strerror(status)).lowercased())",
        hint: "name an address of this machine")
    }
    defer { freeaddrinfo(found) }
    let fd = socket(info.pointee.ai_family, info.pointee.ai_socktype | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard fd >= 0 else { throw GoudError.system("create a socket for", "\(wanted)") }
    descriptor = fd
    var yes: Int32 = 1
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    guard bind(fd, info.pointee.ai_addr, info.pointee.ai_addrlen) == 0, listen(fd, 256) == 0 else {
      let number = errno
      close(fd)
      throw number == EADDRINUSE
        ? Self.inUse(wanted) : GoudError.system("listen on", "\(wanted)", errno: number)
    }
    address = HostPort(host: wanted.host, port: wanted.port == 0 ? Self.port(of: fd) : wanted.port)
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Hands the socket over to whoever serves it, who closes it.
  func release() -> Int {
    defer { descriptor = -1 }
    return Int(descriptor)
  }

  private static func inUse(_ address: HostPort) -> GoudError {
    let owner = PortOwner.find(address.port)
    return GoudError(
      .portInUse, "port \(address.port) is in use\(owner.map { " by \($0)" } ?? "")",
      hint: "stop that process, or choose another port",
      context: ["address": "\(address)", "pid": owner.map { "\($0.pid)" } ?? ""])
  }

  private static func port(of fd: Int32) -> Int {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    return withUnsafeMutablePointer(to: &storage) {
      _ = $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(fd, $0, &length) }
      // The port is at the same place in an IPv4 and an IPv6 address.
      return $0.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { Int(UInt16(bigEndian: $0.pointee.sin_port)) }
    }
  }
}

/// Who listens on a port of this machine.
public enum PortOwner {
  /// nil when nobody is seen from here: another user's process, or one in another container.
  public static func find(_ port: Int) -> LockHolder? {
    let inodes = Set(["/proc/net/tcp", "/proc/net/tcp6"].flatMap { listeners($0, port) })
    guard !inodes.isEmpty, let names = try? FileSystem.names(in: "/proc") else { return nil }
    for pid in names.compactMap({ Int32($0) }) {
      let descriptors = (try? FileSystem.names(in: "/proc/\(pid)/fd")) ?? []
      if descriptors.contains(where: { inodes.contains(target(of: "/proc/\(pid)/fd/\($0)")) }) {
        return LockHolder(pid: pid)
      }
    }
    return nil
  }

  /// `socket:[inode]` of every socket in state LISTEN (0A) on `port`.
  private static func listeners(_ table: String, _ port: Int) -> [String] {
    let bytes = (try? Descriptor.open(table, O_RDONLY).readAll()) ?? []
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").dropFirst().compactMap { line in
      let fields = line.split(separator: " ")
      guard fields.count > 9, fields[3] == "0A", let colon = fields[1].lastIndex(of: ":"),
        Int(fields[1][fields[1].index(after: colon)...], radix: 16) == port
      else { return nil }
      return "socket:[\(fields[9])]"
    }
  }

  private static func target(of link: String) -> String {
    var buffer = [UInt8](repeating: 0, count: 64)
    let count = buffer.withUnsafeMutableBytes {
      readlink(link, $0.baseAddress!.assumingMemoryBound(to: CChar.self), 64)
    }
    return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : ""
  }
}
