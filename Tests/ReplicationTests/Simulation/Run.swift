import GoudCore

@testable import Replication

/// What a run came to; summed up, it tells whether the schedules reach what they should.
struct Outcome {
  var acknowledged = 0
  var overridden = 0
  var setApart = 0
}

extension World {
  /// Faults for a while, then none; then what is to be proven is proven.
  func run() throws -> Outcome {
    for node in disks.indices { try boot(node) }
    for _ in 0..<profile.steps { try step() }
    guard let liar = profile.liar else { return try settle() }
    if liar == 0 { return try recover() }
    // Its disk may lack what it said it had.
    if let process = processes[liar] { kill(process) }
    disks[liar] = Disk(blocks: [genesis])
    return try settle()
  }

  private func settle() throws -> Outcome {
    var outcome = Outcome()
    calm = true
    cutOff = []
    if let zombie { kill(zombie) }
    zombieDisk = nil
    note("calm")
    for node in disks.indices where processes[node] == nil { try boot(node) }
    // What was confirmed before a volume was lost may still do.
    for _ in 0..<1000 where !isRecoverable && isConfirming { try step() }
    if !isRecoverable {
      try expectNothing()
    }
    if !isRecoverable {
      guard try overridden() else { return outcome }
      outcome.overridden = 1
    }
    let goal = oracle.height + 3
    enough = max(goal, disks.map(\.head.height).max() ?? 0) + 2
    var left = 1500 * profile.nodes
    while !(oracle.height >= goal && isSettled) {
      try step()
      // An operator acts on what is so, not on what a liar has said.
      if profile.liar == nil, isReplaced { try rejoin() }
      left -= 1
      guard left > 0 else { throw Violation(description: "no progress: \(summary)", isStandstill: true) }
    }
    outcome.acknowledged = Int(oracle.height)
    outcome.setApart = disks.count { $0.leftOut && $0.head != disks[0].head }
    return outcome
  }

  /// Without enough members, waiting changes nothing: above all, nothing is acknowledged. (An admission that is under
  /// way may still make a member.)
  private func expectNothing() throws {
    let before = oracle.height
    for _ in 0..<200 where !isRecoverable { try step() }
    guard oracle.height == before else { throw Violation(description: "acknowledged without a quorum: \(summary)") }
  }

  private var isConfirming: Bool {
    guard case .authority(let machine) = processes[0]?.machine else { return false }
    return machine.phase != .gathering
  }

  /// An operator takes what there is. False when only a restore of the whole network would help.
  private func overridden() throws -> Bool {
    guard disks[0].record.standing == .rejoining, let authority = processes[0] else { return false }
    note("override")
    try tell(authority: authority, .overridden(others: network.acknowledgements - 1, beginning: random.bytes16()))
    return true
  }

  /// A follower answers to a volume of the authority that led later, or was about to, and is no more.
  private var isReplaced: Bool {
    guard case .authority(let machine) = processes[0]?.machine else { return false }
    return machine.status.followers.contains { $0.refusal?.code == .otherReign }
  }

  /// An operator has the authority's volume rejoin.
  private func rejoin() throws {
    processes[0].map(kill)
    disks[0].write(.absent, serial: 0)
    try boot(0)
    if !isRecoverable { _ = try overridden() }
  }

  /// Every node that belongs to the network has everything, counts, and knows what is acknowledged.
  private var isSettled: Bool {
    guard let authority = processes[0], authority.accepting != nil else { return false }
    return processes.allSatisfy { process in
      guard let process, process !== authority else { return true }
      if process.disk.leftOut || isForked(process.disk), isApart(process, by: authority) { return true }
      return process.disk.record.standing == .member && process.disk.acknowledged == oracle.height
        && process.disk.record.beginning == authority.disk.record.beginning
    }
  }

  /// It knows a block to be acknowledged that an override or a restore gave up.
  private func isForked(_ disk: Disk) -> Bool { oracle.common(with: disk) < disk.acknowledged }

  private func isApart(_ process: Process, by authority: Process) -> Bool {
    guard case .authority(let machine) = authority.machine else { return false }
    return machine.status.followers[process.node - 1].setApart != nil
  }

  var summary: String {
    let nodes = disks.indices.map {
      "\(network.nodes[$0]): \(processes[$0] == nil ? "down, " : "")\(disks[$0].summary)"
    }
    return "acknowledged \(oracle.height); " + nodes.joined(separator: "; ")
  }
}
