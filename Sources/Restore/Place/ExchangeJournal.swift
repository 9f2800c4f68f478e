import CGoudLinux
import Foundation
import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// `exchange.json`, what an exchange inside a mount point set out to do. There from before the first name is moved.
struct ExchangeJournal: Codable, Equatable {
  static let fileName = "exchange.json"

  enum Phase: String, Codable {
    /// Names may be on either side.
    case moving
    /// All that is new is in place, and all that is old is out of it.
    case swapped
  }

  var phase: Phase
  /// The names in the root that make room, and those that come, in the groups in which they move: a database leaves before
  /// everything else, and comes after it.
  var old: [[String]]
  var new: [[String]]
  var oldRoot: RootAttributes
  var newRoot: RootAttributes

  /// - Returns: nil when nothing has been moved yet.
  /// - Throws: `restore.unproven` when it cannot be understood.
  static func read(in directory: UntrustedDirectory) throws -> ExchangeJournal? {
    guard let file = try directory.file(fileName, others: .absent) else { return nil }
    do {
      let journal = try JSONDecoder().decode(ExchangeJournal.self, from: Data(try file.readAll()))
      guard (journal.old + journal.new).joined().allSatisfy(isName) else {
        throw RestoreMarker.refusal(file.path, "names files badly")
      }
      return journal
    } catch let error as GoudError where error.code == .restoreUnproven {
      throw error
    } catch {
      throw RestoreMarker.refusal(file.path, "cannot be read", cause: error)
    }
  }

  /// Durable when it returns.
  func write(in directory: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try AtomicFile.write(Array(try encoder.encode(self)) + [10], to: "\(directory)/\(Self.fileName)")
  }

  private static func isName(_ text: String) -> Bool {
    !text.isEmpty && text != "." && text != ".." && !text.containsSlash && !text.utf8.contains(0)
  }
}

/// Owner, mode, modification time and extended attributes of a volume's root: a mount point stays where it is, and gets those
/// of its content.
struct RootAttributes: Codable, Equatable {
  var owner: UInt32
  var group: UInt32
  var mode: UInt32
  /// Seconds and nanoseconds since 1970.
  var modified: [Int64]
  /// By name; nil in the journal of an older goud, which left them as they were.
  var attributes: [String: Data]?

  init(of root: Descriptor) throws {
    let status = try root.status()
    owner = status.st_uid
    group = status.st_gid
    mode = status.st_mode & 0o7777
    modified = [Int64(status.st_mtim.tv_sec), Int64(status.st_mtim.tv_nsec)]
    attributes = try root.extendedAttributes().mapValues { Data($0) }
  }

  /// Puts them on a directory, as far as its file system knows them.
  func apply(to directory: Descriptor) throws {
    let status = try directory.status()
    if FileSystem.mayChangeOwners, status.st_uid != owner || status.st_gid != group {
      guard fchown(directory.fd, owner, group) == 0 || errno == EPERM else {
        throw GoudError.system("chown", directory.path)
      }
    }
    if let attributes { try exchange(attributes, of: directory) }
    guard fchmod(directory.fd, mode) == 0 || errno == EPERM else { throw GoudError.system("chmod", directory.path) }
    try applyTime(to: directory)
  }

  /// What a user may set goes where it is not among them; what belongs to the machine stays.
  private func exchange(_ attributes: [String: Data], of directory: Descriptor) throws {
    let present = try directory.extendedAttributes()
    for (name, value) in attributes where present[name] != Array(value) {
      let result = value.withUnsafeBytes { fsetxattr(directory.fd, name, $0.baseAddress, $0.count, 0) }
      try refuse(result, "set \(name) of", directory)
    }
    for name in present.keys where attributes[name] == nil && Self.isContents(name) {
      try refuse(fremovexattr(directory.fd, name), "remove \(name) from", directory)
    }
  }

  private static func isContents(_ name: String) -> Bool {
    name.hasPrefix("user.") || name.hasPrefix("system.posix_acl_")
  }

  /// A file system that keeps none of them refuses them.
  private func refuse(_ result: Int32, _ action: String, _ directory: Descriptor) throws {
    guard result == 0 || [EOPNOTSUPP, EPERM, EACCES, ENODATA].contains(errno) else {
      throw GoudError.system(action, directory.path)
    }
  }

  func applyTime(to directory: Descriptor) throws {
    guard modified.count == 2 else { return }
    try directory.setModified(timespec(tv_sec: Int(modified[0]), tv_nsec: Int(modified[1])))
  }
}
