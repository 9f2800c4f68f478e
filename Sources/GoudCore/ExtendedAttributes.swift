import CGoudLinux

#if canImport(Glibc)
  import Glibc
#endif

extension Descriptor {
  /// The extended attributes, without those that belong to the machine (`security.selinux`) and those whose names are
  /// not UTF-8, which a tar's records cannot hold.
  /// - Throws: when one that is there cannot be read; one that has gone meanwhile is not there.
  public func extendedAttributes() throws -> [String: [UInt8]] {
    var result: [String: [UInt8]] = [:]
    for bytes in try attributeNames().split(separator: 0) {
      guard let name = String(validating: bytes.map { UInt8(bitPattern: $0) }, as: UTF8.self),
        name != "security.selinux"
      else { continue }
      var value = [UInt8](repeating: 0, count: Self.longestAttribute)
      let count = fgetxattr(fd, name, &value, value.count)
      if count < 0 {
        if errno == ENODATA { continue }
        throw GoudError.system("read attribute \(name) of", path)
      }
      result[name] = Array(value[..<count])
    }
    return result
  }

  /// Each ended by a zero.
  private func attributeNames() throws -> ArraySlice<CChar> {
    if flistxattr(fd, nil, 0) == 0 { return [] }
    var names = [CChar](repeating: 0, count: Self.longestAttribute)
    let length = flistxattr(fd, &names, names.count)
    if length < 0 { return errno == EOPNOTSUPP ? [] : try { throw GoudError.system("list attributes of", path) }() }
    return names[..<length]
  }

  /// What Linux allows a value, and a list of names (`XATTR_SIZE_MAX`, `XATTR_LIST_MAX`).
  private static let longestAttribute = 65536
}
