import Foundation

/// Asks one node for acknowledged entries.
struct Checker {
  static let lanes = 16
  let url: String

  /// - Returns: how many it does not have, or not as they were submitted; each is named on standard error.
  func missing(_ acknowledged: [Record.Acknowledged]) async -> Int {
    let keys = Dictionary(grouping: acknowledged, by: \.key)
    return await withTaskGroup(of: Int.self) { group in
      var rest = keys.makeIterator()
      for _ in 0..<Self.lanes {
        guard let next = rest.next() else { break }
        group.addTask { await missing(next.value, key: next.key) }
      }
      var sum = 0
      for await count in group {
        sum += count
        if let next = rest.next() { group.addTask { await missing(next.value, key: next.key) } }
      }
      return sum
    }
  }

  private func missing(_ entries: [Record.Acknowledged], key: String) async -> Int {
    guard let session = try? await API.insist({ try await Session.login(key, at: url) }) else {
      report("the account of \(entries.count) entries is unknown")
      return entries.count
    }
    var count = 0
    for entry in entries where !(await isThere(entry, session)) {
      report("entry \(entry.entry) of block \(entry.block) is missing or altered")
      count += 1
    }
    return count
  }

  private func isThere(_ entry: Record.Acknowledged, _ session: Session) async -> Bool {
    let found = try? await API.insist {
      try await API.get("\(url)/data/decrypt/\(entry.entry)", token: session.token)["data"] as? String
    }
    return (found ?? nil)?.hasPrefix(entry.data) == true
  }

  private func report(_ text: String) { FileHandle.standardError.write(Data("\(url): \(text)\n".utf8)) }
}

/// Walks the chains of several nodes side by side.
struct ChainComparison {
  static let page = 100
  let urls: [String]

  /// - Returns: how many blocks were compared, and at how many heights two nodes differ.
  func run() async throws -> (blocks: Int, differing: Int) {
    var (blocks, differing, from) = (0, 0, 0)
    while true {
      var pages: [[String]] = []
      for url in urls {
        pages.append(
          try await API.insist {
            let answer = try await API.get("\(url)/chain?from=\(from)&limit=\(Self.page)")
            return (answer["blocks"] as? [[String: Any]] ?? []).compactMap { $0["hash"] as? String }
          })
      }
      let shortest = pages.map(\.count).min() ?? 0
      for index in 0..<shortest where Set(pages.map { $0[index] }).count > 1 {
        differing += 1
        FileHandle.standardError.write(Data("block \(from + index) differs: \(pages.map { $0[index] })\n".utf8))
      }
      blocks += shortest
      from += shortest
      if shortest == 0 { return (blocks, differing) }
    }
  }
}
