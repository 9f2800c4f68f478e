/// One name of a directory, as a tree holds it: every field that restic knows (internal/restic/node.go), so that what
/// restic wrote is written again byte for byte.
public struct Node: Sendable, Equatable {
  /// What the name stands for.
  public enum Kind: Sendable, Equatable {
    case file, directory, link, device, characterDevice, pipe, socket
    /// One that restic did not know when this was written, by its word.
    case other(String)
  }

  /// An extended attribute.
  public struct Attribute: Sendable, Equatable {
    /// The full name: `user.note`.
    public var name: String
    /// nil where `null` is written, which older versions did for an empty value.
    public var value: [UInt8]?

    public init(name: String, value: [UInt8]?) { (self.name, self.value) = (name, value) }
  }

  /// The bytes that the file system has, UTF-8 or not. A name of a volume is UTF-8 (`text`).
  public var name: [UInt8]
  public var kind: Kind
  /// Go's `os.FileMode`; `permissions` for the kernel's bits.
  public var mode: UInt32 = 0
  public var modified = Timestamp.unset
  public var accessed = Timestamp.unset
  public var changed = Timestamp.unset
  public var owner: UInt32 = 0
  public var group: UInt32 = 0
  /// Empty: not said, as `groupName`.
  public var ownerName = ""
  public var groupName = ""
  /// Names with the same number and `deviceID` are one file, where `links` is above 1.
  public var inode: UInt64 = 0
  public var deviceID: UInt64 = 0
  /// Of a file: exactly the sum of its blobs' lengths, which restic does not check and restores a wrong length by.
  public var size: UInt64 = 0
  /// Names that the file has; 0: not said.
  public var links: UInt64 = 0
  /// Of a link, as it stands in the file system.
  public var target: [UInt8] = []
  public var attributes: [Attribute] = []
  /// What other systems need, as the JSON object that restic wrote; empty: nothing.
  public var genericAttributes: [UInt8] = []
  /// Of a device: its number.
  public var device: UInt64 = 0
  /// Of a file: its blobs in order, none when it is empty. nil for anything else.
  public var content: [ObjectID]?
  /// Of a directory.
  public var subtree: ObjectID?
  /// What went wrong when restic read it; empty: nothing.
  public var error = ""

  public init(name: [UInt8], kind: Kind) { (self.name, self.kind) = (name, kind) }

  /// The name as text; nil when it is not UTF-8.
  public var text: String? { String(validating: name, as: UTF8.self) }
}

extension Node.Kind {
  /// As a tree names it.
  var word: String {
    switch self {
    case .file: "file"
    case .directory: "dir"
    case .link: "symlink"
    case .device: "dev"
    case .characterDevice: "chardev"
    case .pipe: "fifo"
    case .socket: "socket"
    case .other(let word): word
    }
  }

  init(word: String) {
    let known: [Node.Kind] = [.file, .directory, .link, .device, .characterDevice, .pipe, .socket]
    self = known.first { $0.word == word } ?? .other(word)
  }
}
