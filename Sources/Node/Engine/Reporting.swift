import GoudCore
import Logging
import Replication

extension Waiting {
  /// Why no entries are taken in, with the names of those that would help.
  func error(_ status: AuthorityStatus, authority: String) -> GoudError {
    switch self {
    case .promises(let have, let need, let rejoining):
      let missing = need - have
      let why = rejoining ? "the authority's volume is new, restored or an old copy, and counts for nothing; " : ""
      return GoudError(
        .nodeNoMajority, "\(why)it needs \(missing) more of \(absent(status))",
        hint: rejoining
          ? "start them, or put its newest volume back, or accept what may be lost: goud node run --override-rejoin"
          : "start them, or see /peers")
    case .acknowledgements(let have, let need) where have < need:
      return GoudError(
        .nodeNoMajority,
        "writes need \(need) nodes, \(have) are there; it needs \(need - have) more of \(absent(status))",
        hint: "start them, or see /peers")
    case .acknowledgements:
      return GoudError(
        .nodeNotReady, "the first block of this start is being acknowledged", hint: "try again in a moment")
    case .catchingUp(let node, let height):
      let whence = node.map { " from \($0)" } ?? ""
      return GoudError(.nodeNotReady, "catching up\(whence) to block \(height)", hint: "try again in a moment")
    case .fault(let fault):
      return GoudError(.nodeNotReady, fault.text, hint: "see docs/replication.md, \"when nodes disagree\"")
    }
  }

  /// Those that do not count now.
  private func absent(_ status: AuthorityStatus) -> String {
    let names = status.followers.filter { follower in
      !follower.connected || follower.setApart != nil || follower.refusal != nil
        || follower.position?.standing == .rejoining
    }.map(\.node)
    return (names.isEmpty ? status.followers.map(\.node) : names).joined(separator: ", ")
  }
}

extension Fault {
  var text: String {
    switch self {
    case .acknowledgedBlock(let height, let acknowledged):
      "the chain to follow has another block \(height), and this node knows its own up to \(acknowledged) to be acknowledged"
    case .noEpochLeft(let promised):
      "this node's volume has promised epoch \(promised), above which there is none; no correct network comes that far"
    }
  }
}

extension Forgotten {
  var text: String {
    switch self {
    case .standing: "its standing is older than the last that its node had"
    case .promise(let known, let has): "its node has promised epoch \(known), the volume knows \(has)"
    case .blocks(let known, let has):
      "its node has stored block \(known), the volume ends at block \(has), or has another"
    case .epoch(let known, let has): "its node has opened epoch \(known), the volume knows \(has)"
    }
  }
}

extension SetApart {
  func text(_ node: String) -> String {
    acknowledged > 0
      ? "\(node) is set apart: it holds \(acknowledged) acknowledged blocks that the network does not"
      : "\(node) is set apart: it holds \(blocks) blocks that the network does not"
  }
}

extension Logger {
  func report(_ report: Report) {
    switch report {
    case .opened(let epoch): info("opened epoch \(epoch.number)")
    case .leading(let epoch, let start): notice("leading epoch \(epoch) from block \(start) on")
    case .rejoined(let node): notice("\(node) counts again")
    case .setApart(let node, let what): error("\(what.text(node))")
    case .replaced(let node): critical("\(node) answers to a newer volume of the authority; this one should not run")
    case .overridden(let members, _): warning("overridden: \(members.joined(separator: ", ")) make a new beginning")
    case .fault(let fault): critical("\(fault.text)")
    case .forgotten(let node, let what):
      let whose = node.map { "the volume of \($0)" } ?? "the volume"
      critical("\(whose) went back in time: \(what.text); it rejoins")
    }
  }
}
