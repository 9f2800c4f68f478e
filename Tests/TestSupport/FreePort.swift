import GoudCore
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// Ports of 127.0.0.1.
public enum FreePort {
  private static let given = Mutex<Set<Int>>([])

  /// One that nobody listens on. None twice: whoever got it may take seconds to listen, and two that share a port would
  /// share whichever server is the first.
  public static func take() throws -> Int {
    while true {
      let port = try free()
      if given.withLock({ $0.insert(port).inserted }) { return port }
    }
  }

  private static func free() throws -> Int {
    let socket = Descriptor(fd: Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0), path: "socket")
    var address = Self.address(0)
    let length = socklen_t(MemoryLayout<sockaddr_in>.size)
    var used = length
    let bound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(socket.fd, $0, length) == 0 && getsockname(socket.fd, $0, &used) == 0
      }
    }
    guard bound else { throw GoudError.system("find", "a free port") }
    return Int(UInt16(bigEndian: address.sin_port))
  }

  public static func answers(_ port: Int) -> Bool {
    let socket = Descriptor(fd: Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0), path: "socket")
    var address = Self.address(port)
    return withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(socket.fd, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
  }

  private static func address(_ port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return address
  }
}
