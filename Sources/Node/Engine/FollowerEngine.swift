import Chain
import Foundation
import GoudCore
import Logging
import Replication
import Synchronization

/// Carries out a follower's decisions (`FollowerMachine`), one event after the other on a thread of its own. Blocks are
/// checked before they come here, and the device is waited for elsewhere (`Disk`).
///
/// Entries of this node's clients go to the authority over the same stream, and are found in the blocks that come back:
/// who wrote here is answered when this node knows the block to be acknowledged.
actor FollowerEngine: AuthorityHost, EntryTaker {
  private nonisolated let executor = ThreadExecutor(name: "goud engine")
  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  nonisolated let queue: EntryQueue
  private nonisolated let room: DiskRoom
  nonisolated var isShortOfRoom: Bool { room.isShort }
  nonisolated let deadlines = Deadlines()
  nonisolated let shown: Mutex<Shown>
  private var machine: FollowerMachine
  private let authority: String
  private let core: EngineCore
  private let disk: Disk
  private let checker: BlockChecker
  private var link: AuthorityLink?
  /// The newest block that was checked: the next ones usually stand on it.
  private nonisolated let newest = Mutex<BlockReference?>(nil)
  private var events: [FollowerMachine.Event] = []
  /// The blocks of the message that is being handled.
  private var received: [NamedBlock] = []
  private var syncing = false
  private var handedOn = HandedOn()
  private var lastHandedOn = ContinuousClock.now
  private var lingering = false
  private var failure: NodeFailure?

  /// What everybody may see at any time.
  struct Shown: Sendable {
    var status: FollowerStatus?
    var position: Position?
    var failure: NodeFailure?
    /// See `EngineCore.forgotten`.
    var forgotten: Forgotten?
  }

  init(
    node: String, authority: String, ledger: Ledger, volume: any DurableVolume, checker: BlockChecker, room: DiskRoom,
    log: Logger
  ) {
    queue = EntryQueue(refusal: GoudError(.nodeNotReady, "the node is starting")) { room.shortage(of: node) }
    self.room = room
    self.authority = authority
    machine = FollowerMachine(node: node)
    core = EngineCore(ledger, volume, log)
    disk = Disk(ledger)
    self.checker = checker
    shown = Mutex(Shown())
  }

  /// What the device still has to take of what is known outside of the volume; nil before the start.
  var progress: ProgressFile? { core.progress }

  func start() throws {
    handle(.started(try core.durableState()))
    if let failure { throw failure.error }
    refuseEntries()
  }

  // MARK: - What happens

  func authorityConnected(_ link: AuthorityLink) throws {
    guard failure == nil else { throw PeerFault(.unavailable, "this node's database has failed") }
    self.link = link
    handle(.connected(link.connection))
    // It may have failed with that.
    guard isCurrent(link) else { return }
    handedOn.reconnected()
    queue.open()
    handOn()
  }

  func authoritySaid(_ message: AuthorityMessage, on link: AuthorityLink) async throws {
    if case .openEpoch(let open) = message, open.epoch.number.above(machine.status.promised) > PeerLimits.cheapRise {
      try await Task.sleep(for: PeerLimits.rise)
    }
    guard isCurrent(link) else { return }
    handle(.received(message, from: link.connection))
  }

  /// Returns when the blocks are checked and the ones before them are taken in: these are while the next ones are checked.
  nonisolated func authoritySent(_ sent: SentBlocks, on link: AuthorityLink) async throws {
    try admit(sent)
    let blocks = try await checker.check(sent.blocks, after: sent.previous, before: try await before(sent))
    if let last = blocks.last { newest.withLock { $0 = last.block.reference } }
    await takeNext(sent, blocks, on: link)
  }

  /// Blocks are refused before the disk has to refuse them: the stream ends, and the authority goes on with the others.
  private nonisolated func admit(_ sent: SentBlocks) throws {
    guard !sent.blocks.isEmpty else { return }
    room.lookSoon()
    guard !room.takes(blocks: sent.blocks.reduce(0) { $0 + $1.count }) else { return }
    throw PeerFault(.noRoom, "there is no room for more blocks on its disk")
  }

  /// The block that these are said to stand on, as far as it is known here.
  private nonisolated func before(_ sent: SentBlocks) async throws -> BlockReference? {
    if let newest = newest.withLock({ $0 }), newest.id == sent.previous { return newest }
    return try await stored(sent.previous)
  }

  private func stored(_ id: BlockID) throws -> BlockReference? {
    let known = try core.store.ledger.reference(at: id.height)
    return known?.id == id ? known : nil
  }

  /// Before whatever else is asked of this actor from now on: its tasks join the queue of its thread at once.
  private func takeNext(_ sent: SentBlocks, _ blocks: [NamedBlock], on link: AuthorityLink) {
    Task { take(sent, blocks, on: link) }
  }

  private func take(_ sent: SentBlocks, _ blocks: [NamedBlock], on link: AuthorityLink) {
    guard isCurrent(link) else { return }
    received = blocks
    let append = Append(
      epoch: sent.epoch, previous: sent.previous, blocks: blocks.map(\.id), acknowledged: sent.acknowledged)
    handle(.received(.append(append), from: link.connection))
    received = []
  }

  func authorityGone(_ link: AuthorityLink) {
    guard isCurrent(link) else { return }
    self.link = nil
    refuseEntries()
    handle(.disconnected(link.connection))
  }

  /// Entries wait in the queue.
  func wake() { handOn() }

  func authorityTurnedDown(_ entries: TurnedDown, on link: AuthorityLink) {
    guard isCurrent(link) else { return }
    let waits = handedOn.hasPostponed
    for id in entries.ids { handedOn.turnedDown(id, entries.error) }
    guard handedOn.hasPostponed, !waits else { return }
    Task {
      try? await Task.sleep(for: PeerLimits.firstRetry)
      handedOn.retry()
      handOn()
    }
  }

  func stop() { fail(NodeFailure(GoudError(.nodeNotReady, "the node is stopping")), report: false) }

  private func isCurrent(_ link: AuthorityLink) -> Bool { failure == nil && self.link === link }

  private func handle(_ event: FollowerMachine.Event) {
    events.append(event)
    while failure == nil, !events.isEmpty {
      do {
        let actions = machine.handle(events.removeFirst(), chain: core.store)
        if let fault = core.store.fault { throw fault }
        for action in actions { try perform(action) }
      } catch let fault as PeerFault {
        letGo(fault)
      } catch {
        fail(NodeFailure(error), report: true)
      }
    }
    show()
  }

  /// The authority sent a block that breaks a rule of the whole chain. Nothing of it is stored: it is let go, and the
  /// decisions begin anew from what is.
  private func letGo(_ fault: PeerFault) {
    link?.close(fault)
    link = nil
    refuseEntries()
    do {
      machine = FollowerMachine(node: machine.node)
      events = [.started(try core.durableState())]
    } catch {
      fail(NodeFailure(error), report: true)
    }
  }

  private func show() {
    let (status, position) = (machine.status, machine.position(core.store))
    shown.withLock { $0 = Shown(status: status, position: position, failure: failure, forgotten: core.forgotten) }
  }

  // MARK: - What is done about it

  private func perform(_ action: Action) throws {
    switch action {
    case .persistPromise(let epoch): try core.persist(epoch)
    case .persistStanding(let standing, let reason): try core.persist(standing, reason)
    case .append(let ids):
      let wanted = Set(ids)
      let blocks = received.filter { wanted.contains($0.id) }
      do {
        try core.store.append(blocks)
      } catch let fault as ChainFault {
        throw PeerFault(.badBlock, fault.description)
      }
      try find(in: blocks)
      synchronize()
    case .truncate(let height):
      handedOn.lost(try core.truncate(above: height))
      handOn()
    case .acknowledge(let height): try core.acknowledge(height)
    case .reply(let message, let connection):
      if link?.connection == connection { try link?.send(message) }
    case .drop(let connection, let code):
      guard link?.connection == connection else { return }
      link?.close(PeerFault(code, Refusal(code).reason))
      link = nil
      refuseEntries()
    case .report(let report): core.report(report)
    case .produce, .fetch, .send, .accept, .refuse: break
    }
  }

  // MARK: - Entries of this node's clients

  /// Sends what waits: at once, or some milliseconds after the last ones, so that a busy node sends many together.
  private func handOn() {
    guard failure == nil, !lingering, let link, handedOn.hasUnsent || !queue.isEmpty else { return }
    let passed = ContinuousClock.now - lastHandedOn
    guard passed >= PeerLimits.linger, link.isReady else {
      lingering = true
      Task {
        try? await Task.sleep(for: max(PeerLimits.linger - passed, .milliseconds(1)))
        lingering = false
        handOn()
      }
      return
    }
    lastHandedOn = .now
    do {
      let tickets = try handedOn.next(from: queue).filter { try !isKnown($0) }
      if !tickets.isEmpty { link.submit(tickets.map(\.encoded)) }
    } catch {
      return fail(NodeFailure(error), report: true)
    }
    handOn()
  }

  /// Whether it is in a block that came before it: nobody would hear of it again.
  private func isKnown(_ ticket: EntryTicket) throws -> Bool {
    guard try core.answerKnown(ticket) else { return false }
    _ = handedOn.seen(ticket.entry.id)
    return true
  }

  /// Those of them that are in these blocks wait for the acknowledgement.
  private func find(in blocks: [NamedBlock]) throws {
    guard !handedOn.isEmpty else { return }
    for block in blocks {
      for (index, entry) in block.contents.enumerated() {
        guard let ticket = handedOn.seen(entry.id) else { continue }
        try core.wait(for: EntryWaiter(ticket: ticket, block: block.id, index: index), at: block.id.height)
      }
    }
  }

  /// Nothing can be handed on. What was, waits: it may be in a block.
  private func refuseEntries() {
    queue.refuse(
      GoudError(
        .nodeNoMajority, "the authority, \(authority), cannot be reached from here", hint: "see /peers"))
  }

  // MARK: -

  /// Has the disk take what is appended, and tells the machine what it has taken. One at a time: what is appended
  /// meanwhile is taken by the next.
  private func synchronize() {
    guard !syncing else { return }
    syncing = true
    let (head, generation) = (core.store.head, core.store.generation)
    Task {
      do {
        try await disk.synchronize()
        synchronized(head, generation)
      } catch {
        fail(NodeFailure(error), report: true)
      }
    }
  }

  private func synchronized(_ head: BlockID, _ generation: Int) {
    syncing = false
    guard failure == nil else { return }
    if core.store.head != head || core.store.generation != generation { synchronize() }
    guard generation == core.store.generation else { return }
    do {
      try core.noteStored(head)
    } catch {
      return fail(NodeFailure(error), report: true)
    }
    handle(.stored(head))
  }

  /// The end, until the ledger is opened anew: nobody is told that anything is stored which may not be.
  private func fail(_ failure: NodeFailure, report: Bool) {
    guard self.failure == nil else { return }
    self.failure = failure
    if report { core.log.critical("the engine stops", metadata: ["why": "\(failure.error)"]) }
    events = []
    queue.refuse(failure.refusal)
    handedOn.giveUp(EntryTicket.unknown)
    core.giveUp(EntryTicket.unknown)
    try? core.progress?.synchronize()
    link?.close(PeerFault(.unavailable, failure.error.message.firstLine))
    link = nil
    show()
  }
}
