#if canImport(Glibc)
  public import Glibc
#endif

/// Who may change what a path leads to: the owner of each directory and link on the way and of the thing itself, and
/// whoever else may write one of them. Who reads it later believes all of these.
///
/// In a sticky directory only an entry's owner moves it, and that one is counted by itself. An access control list
/// counts by its mask, which stands where the group's bits are.
public struct Custody: Sendable {
  /// Somebody who may; root among them.
  public enum Custodian: Hashable, Sendable, CustomStringConvertible {
    case user(uid_t)
    case group(gid_t)
    case everyone

    public var description: String {
      switch self {
      case .user(let number): "user \(number)"
      case .group(let number): "group \(number)"
      case .everyone: "everyone"
      }
    }
  }

  /// Each with the first place on the way where it may.
  public private(set) var places: [Custodian: String] = [:]
  /// As they come on the way.
  public private(set) var custodians: [Custodian] = []

  /// - Parameter path: absolute; links in it are followed, each counted.
  /// - Throws: `io.*` when something on the way is not there or cannot be looked at.
  public init(of path: String) throws {
    var ahead = path.pathComponents()[...]
    var place = "/"
    var links = 0
    try count(place, FileSystem.status(place))
    while let name = ahead.popFirst() {
      if name == "." { continue }
      if name == ".." {
        place = FileSystem.parent(of: place)
        continue
      }
      let entry = place == "/" ? "/\(name)" : "\(place)/\(name)"
      let status = try FileSystem.status(entry)
      try count(entry, status)
      guard status?.isLink == true else {
        place = entry
        continue
      }
      links += 1
      let target = try Self.target(of: entry)
      guard links <= 40 else { throw GoudError.system("follow", path, errno: ELOOP) }
      if target.hasPrefix("/") { place = "/" }
      ahead = target.pathComponents()[...] + ahead
    }
  }

  /// The first of them that is neither the superuser nor among `trusted`, and where; nil: there is none.
  public func stranger(trusting trusted: some Sequence<Custodian> = []) -> (who: Custodian, place: String)? {
    let trusted = Set(trusted).union([.user(0)])
    return custodians.first { !trusted.contains($0) }.map { ($0, places[$0]!) }
  }

  private mutating func count(_ place: String, _ status: stat?) throws {
    guard let status else { throw GoudError.system("look at", place, errno: ENOENT) }
    count(.user(status.st_uid), place)
    if status.isLink || status.isDirectory && status.st_mode & S_ISVTX != 0 { return }
    if status.st_mode & S_IWGRP != 0 { count(.group(status.st_gid), place) }
    if status.st_mode & S_IWOTH != 0 { count(.everyone, place) }
  }

  private mutating func count(_ custodian: Custodian, _ place: String) {
    guard places.updateValue(places[custodian] ?? place, forKey: custodian) == nil else { return }
    custodians.append(custodian)
  }

  private static func target(of link: String) throws -> String {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = buffer.withUnsafeMutableBytes {
      readlink(link, $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
    }
    guard count >= 0, let text = String(validating: buffer[..<max(0, count)], as: UTF8.self) else {
      throw GoudError.system("read", link)
    }
    return text
  }
}
