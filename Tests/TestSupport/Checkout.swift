import GoudCore

/// The checkout that the tests were built from.
public enum Checkout {
  public static let root: String = {
    var path = FileSystem.realPath("/proc/self/exe") ?? ""
    while path != "/" && !path.isEmpty {
      path = FileSystem.parent(of: path)
      if (try? FileSystem.status("\(path)/Package.swift")) ?? nil != nil { return path }
    }
    return "."
  }()

  /// The absolute path of a file of the checkout.
  public static func path(_ relative: String) -> String { "\(root)/\(relative)" }
}
