public import GoudCore

extension FileEntry {
  /// The entry of a volume as it lies in a backup that holds other things beside: below a directory, which is the
  /// volume's root. A link's target counts from the link and stays as it is.
  /// - Parameter directory: without a slash at either end.
  public func moved(below directory: String) -> FileEntry {
    func moved(_ path: String) -> String { path.isEmpty ? directory : "\(directory)/\(path)" }
    var entry = self
    entry.path = moved(path)
    if case .secondName(let first) = kind { entry.kind = .secondName(of: moved(first)) }
    return entry
  }
}
