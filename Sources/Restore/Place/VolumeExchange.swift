import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

/// One volume's part of a swap: how its new and its old data change places. Each step is durable when it returns, and may
/// find itself done already.
protocol VolumeExchange: Sendable {
  var place: VolumePlace { get }
  var id: String { get }
  /// The new data until it is swapped in.
  var staging: String { get }

  /// Makes the staging directory, empty, with the marker; mode 0700.
  func begin(_ marker: RestoreMarker) throws
  /// The same for a rollback: the safety copy is the staging directory.
  func begin(_ marker: RestoreMarker, with copy: SafetyCopy) throws
  /// The marker, wherever it is now; nil when there is none of this restore.
  func marker() throws -> RestoreMarker?
  func write(_ marker: RestoreMarker) throws
  func state() throws -> SwapState
  /// Puts the new data in place; from `staged`, or where an earlier run was stopped.
  func exchange() throws
  /// Undoes that; the new data is then in the staging directory again.
  /// - Parameter stamp: of the safety copy that the old data may have become.
  func takeBack(_ stamp: String) throws
  /// Makes a safety copy of the old data.
  /// - Returns: its path; nil when there was nothing to keep.
  func keep(_ stamp: String) throws -> String?
  /// Removes the marker: the new data is the volume.
  func confirm() throws
  /// Deletes what was built, or makes it the safety copy again that it was; the volume is the old one.
  /// - Parameter keeping: only takes its name from it (`Discard`).
  func discard(keeping: Bool) throws
  /// Deletes what this very run has built, whatever came into it; does nothing when names have been moved.
  /// - Parameter keeping: only takes its name from it (`Discard`).
  func abandon(keeping: Bool) throws
  /// The directories that hold data of this exchange now, whose databases nobody may open.
  func directories() throws -> [String]
}
