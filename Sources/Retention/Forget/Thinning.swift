public import GoudCore
public import Repository
import Synchronization

/// Keeps a repository bounded while a watch runs: the number of backups by `KeepPolicy.usual`, once in so many commits;
/// what they do not need any more, once an hour. Each is an exclusive lock and some listings, and nobody else can work
/// there meanwhile: a minute apart, that costs more than a few snapshots too many.
public final class Thinning: Sendable {
  /// Backups of a volume that may be there beyond what is kept.
  public static let commits = 30
  private static let interval = Duration.seconds(3600)
  /// As much as is needed may lie there unneeded: less would have the store read again and again.
  private static let maxUnused = 0.5

  private let request: ForgetRequest
  /// Commits until the next; and when the room was given back last.
  private let state = Mutex((left: 1, pruned: ContinuousClock.now))

  public init(_ repository: Repository, environment: String, cancellation: Cancellation = Cancellation()) {
    var request = ForgetRequest(repository, environment: environment, policy: .usual)
    request.maxUnused = Self.maxUnused
    request.cancellation = cancellation
    self.request = request
  }

  /// To be called after each commit. What stands against it is no fault of the commit: the next one tries again.
  /// - Returns: what is to be said, line by line.
  public func committed() -> [String] {
    var request = request
    let (isDue, prunes) = state.withLock { state in
      state.left -= 1
      return (state.left <= 0, ContinuousClock.now - state.pruned >= Self.interval)
    }
    guard isDue || prunes else { return [] }
    request.prunes = prunes
    do {
      let report = try Forget(request).run()
      state.withLock { state in
        state.left = Self.commits
        if prunes { state.pruned = .now }
      }
      return (report.doubt.map { ["nothing is forgotten: \($0)"] } ?? [])
        + (report.pruned.flatMap { $0.bytesFreed > 0 ? [$0.summary] : nil } ?? [])
    } catch {
      return ["nothing is forgotten: \((error as? GoudError)?.message ?? "\(error)")"]
    }
  }
}
