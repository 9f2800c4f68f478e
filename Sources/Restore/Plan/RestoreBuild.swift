public import GoudCore

/// What a source builds volumes with.
public struct RestoreBuild: Sendable {
  /// Volume name → absolute path of a directory that exists and is empty.
  public var directories: [String: String]
  /// Volume name → directories with files that were made for it once, and are nobody's any more. What is the same in them may
  /// be given its name in the volume.
  public var leftovers: [String: [UntrustedDirectory]] = [:]
  /// To be told of every file that is whole and keeps its times, open for reading; of one volume after the other, from one
  /// thread at a time.
  public var arrived: @Sendable (Descriptor, FileEntry) throws -> Void = { _, _ in }
  public var cancellation = Cancellation()
  public var progress: any ProgressSink = NoProgress()

  public init(_ directories: [String: String]) { self.directories = directories }
}
