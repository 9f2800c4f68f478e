import Foundation

/// Sees when somebody sets the clock. Pure.
struct ClockSteps {
  /// Seconds by which the clock on the wall may leave the steady one from one look to the next. What two machines' clocks may
  /// differ by is five times as much.
  static let tolerance = 60.0

  struct Step: Equatable {
    /// Below zero: it was set back.
    let seconds: Double
    /// What it would have shown at the last look, had it been set by then.
    let last: Date
  }

  private var last: (wall: Date, steady: Double)?

  /// - Parameters:
  ///   - wall: what the clock shows.
  ///   - steady: seconds of one that nobody sets.
  /// - Returns: nil when it was not set since the last look.
  mutating func look(wall: Date, steady: Double) -> Step? {
    defer { last = (wall, steady) }
    guard let last else { return nil }
    let step = wall.timeIntervalSince(last.wall) - (steady - last.steady)
    return abs(step) > Self.tolerance ? Step(seconds: step, last: last.wall.addingTimeInterval(step)) : nil
  }
}
