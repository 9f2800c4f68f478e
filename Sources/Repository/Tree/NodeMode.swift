/// Permission bits between the kernel and Go's `os.FileMode`, which keeps the type and the set-id and sticky bits in
/// places of its own (Go, `io/fs`, `FileMode`).
enum NodeMode {
  private static let setUser: UInt32 = 1 << 23
  private static let setGroup: UInt32 = 1 << 22
  private static let sticky: UInt32 = 1 << 20
  private static let special: [(kernel: UInt32, go: UInt32)] = [
    (0o4000, setUser), (0o2000, setGroup), (0o1000, sticky),
  ]

  /// - Parameter permissions: as of `chmod`, 12 bits; others are left out.
  static func of(_ kind: Node.Kind, permissions: UInt32) -> UInt32 {
    special.reduce(type(of: kind) | permissions & 0o777) { $0 | (permissions & $1.kernel != 0 ? $1.go : 0) }
  }

  /// The 12 bits of `chmod`.
  static func permissions(_ mode: UInt32) -> UInt32 {
    special.reduce(mode & 0o777) { $0 | (mode & $1.go != 0 ? $1.kernel : 0) }
  }

  private static func type(of kind: Node.Kind) -> UInt32 {
    switch kind {
    case .file, .other: 0
    case .directory: 1 << 31
    case .link: 1 << 27
    case .device: 1 << 26
    case .characterDevice: 1 << 26 | 1 << 21
    case .pipe: 1 << 25
    case .socket: 1 << 24
    }
  }
}
