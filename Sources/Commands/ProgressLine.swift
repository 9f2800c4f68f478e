import ArgumentParser
import Foundation
import GoudCore
import Runtime

#if canImport(Glibc)
  import Glibc
#endif

/// Whether and how long work shows how far it has come, on standard error.
enum ProgressMode: String, ExpressibleByArgument, CaseIterable {
  /// A line that is redrawn when standard error is a terminal, otherwise plain; none with `--format json`, where a
  /// program reads the error from there.
  case auto
  case none
  /// One line at the end of each phase.
  case plain
}

/// `--progress`, the same on every verb that may take long.
struct ProgressOptions: ParsableArguments {
  @Option(help: "Show progress: auto, none or plain.") var progress = ProgressMode.auto

  func sink(_ output: OutputOptions) -> any ProgressSink {
    let terminal = HelperContainer.hasTerminal
    switch progress {
    case .none: return NoProgress()
    case .plain: return ProgressLine(redraw: false)
    case .auto: return terminal || output.format == .table ? ProgressLine(redraw: terminal) : NoProgress()
    }
  }
}

/// `archive node1_data  62%  0.9 GB of 1.5 GB  640.2 MB/s  0:01 left`, redrawn at most ten times a second.
final class ProgressLine: ProgressSink, @unchecked Sendable {
  private let redraw: Bool
  private let lock = NSLock()
  private var title = ""
  private var total = ByteCount.zero
  private var done = 0
  private var started = ContinuousClock.now
  private var drawn = ContinuousClock.now

  init(redraw: Bool) { self.redraw = redraw }

  func begin(_ title: String, total: ByteCount) {
    lock.withLock {
      self.title = Output.printable(title)
      self.total = total
      done = 0
      started = .now
      drawn = .now
    }
  }

  func advance(_ bytes: Int) {
    lock.withLock {
      done += bytes
      guard redraw, ContinuousClock.now - drawn > .milliseconds(100) else { return }
      drawn = .now
      write("\r\u{1b}[K\(line)")
    }
  }

  func end() {
    lock.withLock {
      let seconds = seconds
      let text = done > 0 ? "\(title): \(ByteCount(done)) in \(String(format: "%.1f", seconds)) s" : title
      write(redraw ? "\r\u{1b}[K\(text)\n" : "\(text)\n")
    }
  }

  private var seconds: Double {
    let passed = (ContinuousClock.now - started).components
    return Double(passed.seconds) + Double(passed.attoseconds) / 1e18
  }

  private var line: String {
    let rate = Double(done) / max(seconds, 0.001)
    guard total.bytes > 0 else { return "\(title)  \(ByteCount(done))  \(ByteCount(Int64(rate)))/s" }
    let left = rate > 0 ? Int(Double(max(0, total.bytes - Int64(done))) / rate) : 0
    let percent = min(100, Int(Double(done) / Double(total.bytes) * 100))
    return "\(title)  \(percent)%  \(ByteCount(done)) of \(total)  \(ByteCount(Int64(rate)))/s  "
      + "\(left / 60):\(String(format: "%02d", left % 60)) left"
  }

  private func write(_ text: String) { Output.say(text) }
}
