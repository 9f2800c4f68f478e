public import Backup
public import Foundation
public import Runtime
import Volumes

extension NetworkStatus.Watch {
  /// - Returns: nil where nothing is followed, or was asked to end.
  public init?(_ status: WatchStatus?, now: Date = Date()) {
    guard let status, let finding = status.finding(now: now) else { return nil }
    self.init(
      repository: status.repository, safe: status.safe, noted: status.noted,
      secondsAtRisk: status.secondsAtRisk(now: now), bytesAtRisk: status.bytesAtRisk,
      writesAtRisk: status.writesAtRisk, blocksAtRisk: status.blocksAtRisk, lastBackup: status.whole,
      summary: finding.message)
  }
}
