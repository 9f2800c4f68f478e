import GoudCore

/// What an object may be called, in every store alike: `name`, or `folder/folder/name`.
///
/// Components are of 1 to 200 bytes (a directory's temporary files need the rest of 255), a name of at most 900 (S3 takes
/// 1024 with the prefix). None begins with a dot, so that neither `..` nor a temporary file is ever taken for an object, and
/// none holds a control character, which not every store lists as it was put.
public enum BlobName {
  static let componentBytes = 200
  static let bytes = 900

  /// - Throws: `usage.invalid`.
  public static func check(_ name: String) throws {
    guard isLegal(name) else {
      throw GoudError(.usage, "'\(name)' is no name for an object of a store", context: ["name": name])
    }
  }

  /// - Parameter folder: "" is the location itself.
  /// - Throws: `usage.invalid`.
  public static func check(folder: String) throws {
    guard folder.isEmpty || isLegal(folder) else {
      throw GoudError(.usage, "'\(folder)' is no folder of a store", context: ["name": folder])
    }
  }

  /// What is in a store under another name is somebody else's, and no object.
  public static func isLegal(_ name: String) -> Bool {
    guard name.utf8.count <= bytes, name.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else { return false }
    return name.pathComponents(keepingEmpty: true).allSatisfy {
      !$0.isEmpty && !$0.hasPrefix(".") && $0.utf8.count <= componentBytes
    }
  }

  /// `a/b/c` → `a/b`; `c` → "".
  public static func folder(of name: String) -> String { name.containsSlash ? FileSystem.parent(of: name) : "" }
}
