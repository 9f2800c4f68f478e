import GoudCore
public import Layout

#if canImport(Glibc)
  import Glibc
#endif

/// Whom nodes run as that root starts, and to whom their volumes belong then.
public struct NodeUser: Sendable, Hashable {
  public let user: UInt32
  public let group: UInt32

  public init(user: UInt32, group: UInt32) {
    self.user = user
    self.group = group
  }

  /// What the operator has said about it.
  public struct Choice: Sendable, Hashable {
    /// A user's name or number. A number that has no name has the group of the same number.
    public let name: String
    /// Whether that may be root.
    public let allowRoot: Bool

    public init(_ name: String, allowRoot: Bool) {
      self.name = name
      self.allowRoot = allowRoot
    }

    /// - Returns: nil when nodes run as whoever starts them: somebody who is not root, or root who insists.
    /// - Throws: `network.root-refused`; `config.invalid-value` when there is no such user.
    func user() throws -> NodeUser? {
      guard geteuid() == 0 else { return nil }
      let found = try NodeUser.named(name)
      guard found.user == 0 else { return found }
      guard allowRoot else {
        throw GoudError(
          .networkRootRefused, "NODE_USER is \(name): nodes, which face the network, would run as root",
          hint: "name another user, or insist: --allow-root", context: ["key": "NODE_USER"])
      }
      return nil
    }
  }

  private static func named(_ text: String) throws -> NodeUser {
    var entry = passwd()
    var buffer = [CChar](repeating: 0, count: 1 << 16)
    var found: UnsafeMutablePointer<passwd>?
    let number = UInt32(text)
    if let number {
      getpwuid_r(number, &entry, &buffer, buffer.count, &found)
    } else {
      getpwnam_r(text, &entry, &buffer, buffer.count, &found)
    }
    if found != nil {
      // Root's group is as good as root in many a directory.
      return NodeUser(user: entry.pw_uid, group: entry.pw_gid == 0 ? entry.pw_uid : entry.pw_gid)
    }
    guard let number else {
      throw GoudError(
        .configInvalid, "NODE_USER is '\(text)', and there is no such user",
        hint: "make one (useradd --system \(text)), or name another; a number needs no entry",
        context: ["key": "NODE_USER"])
    }
    return NodeUser(user: number, group: number)
  }

  // MARK: - What is theirs

  /// Gives a node what it needs to run as this user: its volume, whatever is in it, what is known of it beside that, and its log. The directories above
  /// them stay whose they are; the user's group may pass through them, and see nothing.
  /// - Throws: `io.failed` when something cannot be given away.
  func own(_ node: String, in home: NetworkHome) throws {
    let progress = home.progress(node)
    for directory in [home.path, home.volumes, home.logs, home.network, FileSystem.parent(of: progress)] {
      try pass(directory)
    }
    for directory in [home.volume(node), progress] { try VolumeOwner.give(directory, user: user, group: group) }
    let log = try Descriptor.open(home.log(node), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW)
    guard fchown(log.fd, user, group) == 0 else { throw GoudError.system("change the owner of", log.path) }
  }

  /// What root has put in place in the home of somebody else, who runs his network himself, becomes his.
  /// - Throws: `io.failed` when something cannot be given away.
  public static func handBack(_ node: String, in home: NetworkHome) throws {
    guard geteuid() == 0, let status = try FileSystem.status(home.path), status.st_uid != 0 else { return }
    for directory in [home.volume(node), home.progress(node)] {
      try VolumeOwner.give(directory, user: status.st_uid, group: status.st_gid)
    }
  }

  private func pass(_ path: String) throws {
    let directory = try Descriptor.open(path, O_RDONLY | O_DIRECTORY)
    guard fchown(directory.fd, uid_t.max, group) == 0, fchmod(directory.fd, 0o710) == 0 else {
      throw GoudError.system("let group \(group) through", path)
    }
  }

  /// What `goud node run` is told. Its directories may lie below such as are closed to it: it gets to them from the home.
  func arguments(from home: NetworkHome) -> [String] { ["--become", "\(user):\(group)", "--from", home.path] }
}
