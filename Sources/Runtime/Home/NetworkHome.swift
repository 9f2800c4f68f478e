import Foundation
import GoudCore
public import Layout
public import Volumes

#if canImport(Glibc)
  import Glibc
#endif

extension NetworkHome {
  public init(_ configuration: GoudConfiguration) {
    self.init(FileSystem.parent(of: configuration.volumesDirectory))
  }

  /// Creates the directories that are missing, each mode 0700.
  public func create() throws {
    for directory in [path, volumes, run, logs] { try Self.create(directory) }
  }

  /// Creates a directory, mode 0700, and those above it that are missing.
  static func create(_ directory: String) throws {
    if mkdir(directory, 0o700) == 0 { return try FileSystem.synchronize(directory: FileSystem.parent(of: directory)) }
    switch errno {
    case EEXIST: return
    case ENOENT:
      try create(FileSystem.parent(of: directory))
      try create(directory)
    default: throw GoudError.system("create", directory)
    }
  }
}
