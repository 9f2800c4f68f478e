import GoudCore

/// What an archive may give to the files that are unpacked from it. A list of what is allowed: an archive is no more to be
/// trusted than whoever could write it, and root unpacks it.
struct Allowance {
  /// Set-id bits of files, and every attribute.
  var privileges = false
  /// Nothing but content: for a copy that is looked at and thrown away, by whoever may remove what it can write.
  var isBare = false

  /// The entry without what is not allowed, which is counted among the losses.
  func allowed(_ entry: FileEntry, _ losses: inout Losses) -> FileEntry {
    guard !privileges && !isBare else { return entry }
    var entry = entry
    // On a directory, set-group-id says whose new files are: no power.
    if case .file = entry.kind, entry.mode & Self.setID != 0 {
      entry.mode &= ~Self.setID
      losses.add("set-user-id or set-group-id (--restore-privileges)")
    }
    for name in entry.attributes.keys.sorted() where !Self.isHarmless(name) {
      entry.attributes[name] = nil
      losses.add("the extended attribute \(name) (--restore-privileges)")
    }
    return entry
  }

  private static let setID: UInt32 = 0o6000

  /// What any user may set on files of his own, and the kernel gives no power for.
  private static func isHarmless(_ name: String) -> Bool {
    name.utf8.starts(with: "user.".utf8) || name.nameBytes == "system.posix_acl_access".nameBytes
      || name.nameBytes == "system.posix_acl_default".nameBytes
  }
}
