import GoudCore

@testable import Replication

/// One run: nodes, their disks and connections, and everything that happens to them, in an order drawn from the seed.
final class World {
  let profile: Profile
  let network: Network
  let rules: Rules
  let oracle: Oracle
  let genesis: BlockID
  var random: Random
  var disks: [Disk]
  /// The node's process; nil while it is down.
  var processes: [Process?]
  /// An authority whose volume was replaced while it went on running.
  var zombie: Process?
  var zombieDisk: Disk?
  /// What is known of the nodes outside of their volumes, and of the volume that runs on.
  var memories: [Memory]
  var zombieMemory = Memory()
  /// Earlier states of disks: what a snapshot holds, standing and all.
  var images: [(node: Int, disk: Disk)] = []
  var wires: [Wire] = []
  /// Nodes that nobody reaches.
  var cutOff: Set<Int> = []
  /// The founding, or the last restore of the whole network.
  var beginning: [UInt8]
  var backup: Backup?
  var unfinished: Backup?
  var calm = false
  /// No entries are submitted beyond this height.
  var enough = UInt64.max
  var trace: ((String) -> Void)?
  private var serial: UInt64 = 0
  private var lastConnection: UInt64 = 0
  private var lastSerial: UInt64 = 0

  init(profile: Profile, rules: Rules, seed: UInt64) {
    self.profile = profile
    self.rules = rules
    network = Network(nodes: (1...profile.nodes).map { "node\($0)" }, acknowledgements: profile.acknowledgements)
    random = Random(seed: seed)
    genesis = BlockID(height: 0, epoch: 0, hash: World.hash(0))
    oracle = Oracle(genesis: genesis)
    beginning = random.bytes16()
    let record = StandingRecord(standing: .member, beginning: beginning, reign: .none)
    disks = (0..<profile.nodes).map { [genesis] _ in Disk(blocks: [genesis], record: record) }
    processes = Array(repeating: nil, count: profile.nodes)
    memories = (0..<profile.nodes).map { _ in Memory() }
  }

  /// Of the next standing that is written.
  var nextSerial: UInt64 {
    lastSerial += 1
    return lastSerial
  }

  static func hash(_ serial: UInt64) -> [UInt8] { withUnsafeBytes(of: serial.bigEndian) { Array($0) } }

  func note(_ text: @autoclosure () -> String) { trace?(text()) }

  var live: [Process] { processes.compactMap { $0 } + (zombie.map { [$0] } ?? []) }

  // MARK: - Processes

  func boot(_ node: Int) throws {
    let process = Process(
      node: node, disk: disks[node], memory: memories[node], machine: machine(node), name: network.nodes[node])
    processes[node] = process
    try begin(process)
  }

  func bootZombie() throws {
    guard let disk = zombieDisk else { return }
    let process = Process(node: 0, disk: disk, memory: zombieMemory, machine: machine(0), name: "zombie")
    zombie = process
    try begin(process)
  }

  private func machine(_ node: Int) -> Process.Machine {
    node == 0
      ? .authority(AuthorityMachine(network: network, rules: rules, reach: profile.reach))
      : .follower(FollowerMachine(node: network.nodes[node], rules: rules, reach: profile.reach))
  }

  private func begin(_ process: Process) throws {
    note("\(process.name) starts: \(process.disk.summary)")
    var state = process.disk.state
    if rules.contains(.progress) {
      let begun = process.memory.begin(process.disk)
      state = begun.state
      if let forgotten = begun.forgotten {
        note("\(process.name) has forgotten: \(forgotten)")
        process.disk.write(state.standing, serial: nextSerial)
        process.memory.note(state.standing, serial: process.disk.serial)
      }
    }
    if process.isAuthority {
      try tell(authority: process, .started(state, nonce: random.bytes16()))
    } else {
      try tell(follower: process, .started(state))
    }
  }

  func kill(_ process: Process) {
    guard process.alive else { return }
    process.alive = false
    process.disk.crash(&random, power: profile.liar == nil || !process.isAuthority)
    note("\(process.name) crashes: \(process.disk.summary)")
    for wire in wires where wire.follower === process || wire.authority === process {
      wire.close(by: process, orderly: false, &random)
    }
    if process === zombie { zombie = nil } else { processes[process.node] = nil }
  }

  // MARK: - Events and actions

  func tell(authority process: Process, _ event: AuthorityMachine.Event) throws {
    guard case .authority(var machine) = process.machine else { return }
    let actions = machine.handle(event, chain: process.disk)
    process.machine = .authority(machine)
    if trace != nil { note("  \(process.name): \(event.short)") }
    try perform(actions, process)
  }

  func tell(follower process: Process, _ event: FollowerMachine.Event) throws {
    guard case .follower(var machine) = process.machine else { return }
    let actions = machine.handle(event, chain: process.disk)
    process.machine = .follower(machine)
    if trace != nil { note("  \(process.name): \(event.short)") }
    try perform(actions, process)
  }

  private func perform(_ actions: [Action], _ process: Process) throws {
    var appended: [BlockID] = []
    for action in actions {
      if crashesInside(process) { return }
      if trace != nil { note("    → \(action.short)") }
      try perform(action, process, &appended)
      guard process.alive else { return }
    }
    for block in appended where process.alive { try tell(authority: process, .appended(block)) }
  }

  /// Between any two things that a process does.
  private func crashesInside(_ process: Process) -> Bool {
    guard !calm, random.chance(profile.crashInside) else { return false }
    kill(process)
    return true
  }

  private func perform(_ action: Action, _ process: Process, _ appended: inout [BlockID]) throws {
    let disk = process.disk
    switch action {
    case .persistPromise(let epoch):
      try checkReach(epoch, process)
      disk.promise = epoch
      if profile.putBack > 0, crashesInside(process) { return }
      process.memory.note(epoch)
    case .persistStanding(let record, _):
      disk.write(record, serial: nextSerial)
      if profile.putBack > 0, crashesInside(process) { return }
      process.memory.note(record, serial: disk.serial)
    case .append(let blocks):
      guard oracle.links(blocks, after: disk.head) else {
        throw Violation(description: "\(process.name) appends what does not stand on its head")
      }
      blocks.forEach(disk.append)
    case .truncate(let height):
      guard height >= disk.acknowledged, height < disk.head.height else {
        throw Violation(description: "\(process.name) truncates to \(height), acknowledged \(disk.acknowledged)")
      }
      disk.block(at: height).map(process.memory.goBack)
      if profile.putBack > 0, crashesInside(process) { return }
      disk.truncate(above: height)
    case .produce(let epoch): appended.append(produce(process, epoch))
    case .acknowledge(let height):
      guard height > disk.acknowledged else {
        throw Violation(
          description: "\(process.name) takes back what was acknowledged: \(disk.acknowledged), \(height)")
      }
      // What an authority says that signs anything is not the truth, only what there is.
      if profile.liar != 0 {
        try oracle.acknowledge(
          disk, from: process.checked, to: height, by: process.name, authority: process.isAuthority)
      } else if disk.block(at: height) == nil {
        throw Violation(description: "\(process.name) acknowledged \(height) without it")
      }
      disk.acknowledge(height)
      process.checked = height
    case .fetch(let fetch): process.fetch = fetch
    case .send(var message, let connection):
      if lies(process) { message = lie(message, by: process) }
      wires.first { $0.connection == connection && $0.authorityOpen }?.toFollower.append(.message(message))
    case .reply(var message, let connection):
      if lies(process) { message = lie(message, by: process) }
      wires.first { $0.connection == connection && $0.followerOpen }?.toAuthority.append(.message(message))
    case .drop(let connection, let code):
      if code == .malformed { try checkLetGo(connection, by: process) }
      wires.first { $0.connection == connection }?.close(by: process, orderly: true, &random)
    case .accept(let epoch): process.accepting = epoch
    case .refuse: process.accepting = nil
    case .report(.overridden(let members, let beginning)):
      oracle.forget(above: oracle.common(with: disk))
      self.beginning = beginning
      for (node, name) in network.nodes.enumerated() { disks[node].leftOut = !members.contains(name) }
      images.removeAll { $0.node == 0 }
    case .report: break
    }
  }

  func produce(_ process: Process, _ epoch: UInt64) -> BlockID {
    serial += 1
    let parent = process.disk.head
    let block = BlockID(height: parent.height + 1, epoch: epoch, hash: World.hash(serial))
    oracle.produced(block, on: parent)
    process.disk.append(block)
    return block
  }

  // MARK: - Connections

  func connect(_ follower: Process, to authority: Process) throws {
    follower.wire?.close(by: follower, orderly: false, &random)
    lastConnection += 1
    let wire = Wire(Connection(lastConnection), follower: follower, authority: authority)
    follower.wire = wire
    wires.append(wire)
    try tell(follower: follower, .connected(wire.connection))
  }

  func isReachable(_ wire: Wire) -> Bool {
    !cutOff.contains(wire.follower.node) && !(cutOff.contains(0) && wire.authority === processes[0])
  }

  /// The next message of one direction arrives.
  func deliver(_ wire: Wire, toFollower: Bool) throws {
    if toFollower {
      let item = wire.toFollower.removeFirst()
      guard wire.followerOpen else { return }
      switch item {
      case .message(let message):
        guard try passes(message.implausibility, badBlock(message), wire, to: wire.follower) else { break }
        try tell(follower: wire.follower, .received(message, from: wire.connection))
      case .closed:
        wire.followerOpen = false
        try tell(follower: wire.follower, .disconnected(wire.connection))
      }
    } else {
      let item = wire.toAuthority.removeFirst()
      guard wire.authorityOpen else { return }
      switch item {
      case .message(let message):
        guard try passes(message.implausibility, nil, wire, to: wire.authority) else { break }
        try tell(authority: wire.authority, .received(message, from: wire.connection))
      case .closed:
        wire.authorityOpen = false
        try tell(authority: wire.authority, .disconnected(wire.connection))
      }
    }
    if wire.isDone { wires.removeAll { $0 === wire } }
  }

  // MARK: - Liars

  /// What the check of blocks finds, before the decisions hear of them.
  private func badBlock(_ message: AuthorityMessage) -> String? {
    guard case .append(let append) = message, !oracle.links(append.blocks, after: append.previous) else { return nil }
    return "blocks that do not stand on each other"
  }

  private func lies(_ process: Process) -> Bool {
    guard process.node == profile.liar, !calm else { return false }
    return random.chance(profile.falseNumbers)
  }

  /// What the transport does with a message that no correct node sends: the connection ends, on both sides.
  private func passes(
    _ implausibility: String?, _ badBlock: String?, _ wire: Wire, to process: Process
  ) throws -> Bool {
    guard let reason = badBlock ?? (rules.contains(.reach) ? implausibility : nil) else { return true }
    let other = process === wire.authority ? wire.follower : wire.authority
    guard other.node == profile.liar else {
      throw Violation(description: "\(other.name), which is no liar, says \(reason)")
    }
    wire.close(by: process, orderly: true, &random)
    if process.isAuthority {
      try tell(authority: process, .disconnected(wire.connection))
    } else {
      try tell(follower: process, .disconnected(wire.connection))
    }
    return false
  }

  /// No honest follower is let go for what it says. (An authority may be, while a follower climbs to its epoch.)
  private func checkLetGo(_ connection: Connection, by process: Process) throws {
    process.refused += 1
    guard let wire = wires.first(where: { $0.connection == connection }), profile.reach == .standard,
      process === wire.authority, process.node != profile.liar, wire.follower.node != profile.liar
    else { return }
    throw Violation(description: "\(process.name) lets \(wire.follower.name) go, which is no liar")
  }

  /// Whatever anybody says, what is stored leaves room.
  private func checkReach(_ epoch: Epoch, _ process: Process) throws {
    guard process.node != profile.liar else { return }
    let disk = process.disk
    let known = max(disk.promise.number, disk.record.reign.number, disk.head.epoch)
    let limit = profile.reach.limit(above: known) + 1 + process.refused * profile.reach.climb
    guard epoch.number <= limit else {
      throw Violation(description: "\(process.name) stores epoch \(epoch.number), and knew no more than \(known)")
    }
  }
}

extension Disk {
  var summary: String {
    "\(record.standing) \(record.beginning.first ?? 0)/\(record.reign.number), head \(head.short), "
      + "acknowledged \(acknowledged), promised \(promise.number)"
  }
}
