/// Joins what several nodes export in Prometheus' text format (0.0.4) into one page: each family once, each sample with
/// a label `node`.
struct MetricsMerge {
  private struct Family {
    var head: [Substring] = []
    var samples: [String] = []
  }

  private var families: [Substring: Family] = [:]
  private var order: [Substring] = []

  /// - Parameter text: a node's page. Lines that are none of the format's are left out.
  mutating func add(_ text: String, node: String) {
    var family: Substring = ""
    for line in text.split(separator: "\n") {
      if line.hasPrefix("#") {
        let words = line.split(separator: " ", maxSplits: 3)
        guard words.count >= 3, words[1] == "HELP" || words[1] == "TYPE" else { continue }
        family = words[2]
        note(family) { if !$0.head.contains(line) { $0.head.append(line) } }
      } else if let sample = Self.labelled(line, node) {
        // A histogram's samples have the family's name and more.
        let name = line.prefix { $0 != "{" && $0 != " " }
        note(name.hasPrefix(family) && !family.isEmpty ? family : name) { $0.samples.append(sample) }
      }
    }
  }

  /// A value that belongs to no node.
  mutating func add(_ name: String, _ help: String, _ value: Double?) {
    guard let value else { return }
    note(name[...]) {
      $0.head = ["# HELP \(name) \(help)", "# TYPE \(name) gauge"].map { $0[...] }
      $0.samples.append("\(name) \(value)")
    }
  }

  private mutating func note(_ name: Substring, _ body: (inout Family) -> Void) {
    if families[name] == nil { order.append(name) }
    body(&families[name, default: Family()])
  }

  /// `name{a="b"} 1` → `name{node="node1",a="b"} 1`
  private static func labelled(_ line: Substring, _ node: String) -> String? {
    guard let end = line.firstIndex(where: { $0 == "{" || $0 == " " }), end > line.startIndex else { return nil }
    let name = line[..<end]
    if line[end] == " " { return "\(name){node=\"\(node)\"}\(line[end...])" }
    let rest = line[line.index(after: end)...]
    return "\(name){node=\"\(node)\"\(rest.hasPrefix("}") ? "" : ",")\(rest)"
  }

  var text: String {
    order.flatMap { families[$0]!.head.map(String.init) + families[$0]!.samples }.joined(separator: "\n") + "\n"
  }
}
