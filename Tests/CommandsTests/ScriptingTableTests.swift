import Foundation
import GoudCore
import TestSupport
import Testing

/// The table of errors in `docs/scripting.md` is the code's own.
@Suite struct ScriptingTableTests {
  private func rows() throws -> [String] {
    let text = try String(contentsOfFile: Checkout.path("docs/scripting.md"), encoding: .utf8)
    let table = text.components(separatedBy: "<!-- error table").last ?? ""
    return table.split(separator: "\n").filter { $0.hasPrefix("| `") }.map(String.init)
  }

  @Test func everyErrorIsInTheTableWithItsStatus() throws {
    let expected = ErrorCode.allCases.map {
      "| `\($0.rawValue)` | \($0.exitStatus.rawValue) | \($0.httpStatus) | \($0.retryable ? "yes" : "no") |"
    }
    #expect(try rows() == expected.sorted(), "the table should read:\n\(expected.sorted().joined(separator: "\n"))")
  }

  @Test func everyExitStatusIsExplained() throws {
    let text = try String(contentsOfFile: Checkout.path("docs/scripting.md"), encoding: .utf8)
    for status in ExitStatus.allCases where status != .interrupted && status != .terminated {
      #expect(text.contains("| \(status.rawValue) | "), "\(status)")
    }
  }
}
