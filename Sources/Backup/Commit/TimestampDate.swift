import Foundation
import Repository

extension Timestamp {
  init(_ date: Date) {
    let seconds = date.timeIntervalSince1970.rounded(.down)
    self.init(
      seconds: Int64(seconds),
      nanoseconds: Int32(((date.timeIntervalSince1970 - seconds) * 1_000_000).rounded(.down)) * 1000)
  }

  var date: Date { Date(timeIntervalSince1970: Double(seconds) + Double(nanoseconds) / 1_000_000_000) }
}
