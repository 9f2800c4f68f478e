import Replication

// What a failed run prints. Hashes and nonces are cut to what tells them apart.

extension AuthorityMachine.Event {
  var short: String { shorten("\(self)") }
}

extension FollowerMachine.Event {
  var short: String { shorten("\(self)") }
}

extension Action {
  var short: String { shorten("\(self)") }
}

/// Byte arrays give their last byte that is not zero.
private func shorten(_ text: String) -> String {
  var result = ""
  var rest = Substring(text)
  while let open = rest.firstIndex(of: "[") {
    result += rest[..<open]
    rest = rest[open...]
    guard let close = rest.firstIndex(of: "]") else { break }
    let inside = rest[rest.index(after: open)..<close]
    let numbers = inside.split(separator: ",").map { UInt64($0.drop { $0 == " " }) }
    if numbers.count >= 8, !numbers.contains(nil) {
      result += "#" + String(numbers.compactMap { $0 }.suffix(3).reduce(0) { $0 << 8 | $1 }, radix: 16)
      rest = rest[rest.index(after: close)...]
    } else {
      result += "["
      rest = rest.dropFirst()
    }
  }
  return (result + rest).replacing("Replication.", with: "").replacing("AuthorityMessage.", with: "")
}
