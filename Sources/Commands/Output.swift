import ArgumentParser
import Foundation
import GoudCore
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// How a read verb prints: for people or for programs.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
  case table, json
}

/// `--format`, the same on every read verb.
struct OutputOptions: ParsableArguments {
  @Option(help: "Print a table or JSON.") var format = OutputFormat.table
}

/// Data goes to standard output; everything else goes to standard error.
enum Output {
  /// Whether some of the data did not get out: a full disk behind a redirection.
  static let isCut = Atomic(false)

  static func write(_ text: String) {
    guard !put(text + "\n", on: STDOUT_FILENO) else { return }
    if !isCut.exchange(true, ordering: .relaxed) { note("error: standard output cannot be written") }
  }

  /// Says something to a person, on standard error.
  static func note(_ text: String) { say(text + "\n") }

  /// The same, as it is. Whoever cannot be told is not told; that ends nothing.
  static func say(_ text: String) { _ = put(text, on: STDERR_FILENO) }

  private static func put(_ text: String, on output: Int32) -> Bool {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(output, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }

  /// JSON with sorted keys, dates in RFC 3339, slashes as they are.
  static func json(_ value: some Encodable) throws -> String { try json(value, [.prettyPrinted]) }

  /// The same on one line, for output that goes on.
  static func json(line value: some Encodable) throws -> String { try json(value, []) }

  private static func json(_ value: some Encodable, _ formatting: JSONEncoder.OutputFormatting) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = formatting.union([.sortedKeys, .withoutEscapingSlashes])
    encoder.dateEncodingStrategy = .iso8601
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }

  /// Rows under headings, columns as wide as they need to be. Control characters in a cell are shown as `\n`, `\u{1b}`.
  static func table(_ headings: [String], _ rows: [[String]]) -> String {
    let lines = ([headings] + rows).map { $0.map(printable) }
    let widths = headings.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
    return lines.map { line in
      zip(line, widths).map { $0.padding(toLength: max($1, $0.count), withPad: " ", startingAt: 0) }
        .joined(separator: "  ").trimmingSuffix(" ")
    }.joined(separator: "\n")
  }

  /// Text with its control characters escaped, so that a file name cannot act on the terminal.
  static func printable(_ text: String) -> String {
    text.unicodeScalars.map { scalar in
      scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format
        ? scalar.escaped(asASCII: true) : String(scalar)
    }.joined()
  }
}

extension String {
  fileprivate func trimmingSuffix(_ character: Character) -> String {
    var text = self[...]
    while text.last == character { text.removeLast() }
    return String(text)
  }
}

extension [(path: String, content: String)] {
  /// Files as `--print` shows them: each under its path, a blank line between.
  var shown: String { String(map { "# \($0.path)\n\($0.content)" }.joined(separator: "\n").dropLast()) }
}
