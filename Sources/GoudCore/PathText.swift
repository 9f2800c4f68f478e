/// Paths as the kernel reads them: bytes.
///
/// Swift compares text by character, and a slash with a combining accent behind it is one character, not a slash. Names
/// that come from outside (an archive, a directory) are therefore cut and compared here, never with `split`,
/// `hasPrefix` or `==` on strings.
extension String {
  /// The parts between slashes. `a//b/` has the parts `a`, `` , `b`, ``.
  /// - Parameter keepingEmpty: false leaves the empty ones out.
  public func pathComponents(keepingEmpty: Bool = false) -> [String] {
    utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: !keepingEmpty).map { String(Substring($0)) }
  }

  public var isAbsolutePath: Bool { utf8.first == UInt8(ascii: "/") }

  public var containsSlash: Bool { utf8.contains(UInt8(ascii: "/")) }

  /// Where the last slash is.
  public var lastSlash: String.Index? { utf8.lastIndex(of: UInt8(ascii: "/")) }

  /// The bytes: as a key, equal exactly when the kernel would find the same file.
  public var nameBytes: [UInt8] { Array(utf8) }
}
