import Chain
import Foundation
import GoudCore
import Logging
import Replication
import Synchronization

/// Carries out the authority's decisions (`AuthorityMachine`): one event after the other on a thread of its own, where
/// writing to the ledger may block. Waiting for the device is left to `Disk`, so that followers are sent a block while
/// the own disk takes it.
actor AuthorityEngine: FollowerHost, EntryTaker {
  /// Of one block that groups what waits.
  static let blockEntries = 1024
  static let blockBytes = 1 << 20
  /// Blocks that may wait for their acknowledgement at once. With one, entries gather while it is on its way: fewer,
  /// larger blocks carry more on a busy machine.
  static let depth: UInt64 = 1

  private nonisolated let executor = ThreadExecutor(name: "goud engine")
  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  nonisolated let queue: EntryQueue
  nonisolated let deadlines = Deadlines()
  nonisolated let shown: Mutex<Shown>
  private var machine: AuthorityMachine
  private let core: EngineCore
  private let disk: Disk
  private let identity: NodeIdentity
  private let fetcher: BlockFetcher
  private let room: DiskRoom
  private var links: [Connection: FollowerLink] = [:]
  /// The epoch whose blocks may be made of entries.
  private var accepting: UInt64?
  private var events: [AuthorityMachine.Event] = []
  /// Blocks that a fetch has brought, for the `append` that it leads to.
  private var fetched: [NamedBlock] = []
  private var syncing = false
  private var failure: NodeFailure?

  /// What everybody may see at any time.
  struct Shown: Sendable {
    var status: AuthorityStatus?
    var position: Position?
    var failure: NodeFailure?
    /// See `EngineCore.forgotten`.
    var forgotten: Forgotten?
  }

  init(
    identity: NodeIdentity, network: Network, ledger: Ledger, volume: any DurableVolume, fetcher: BlockFetcher,
    quota: UInt64?, room: DiskRoom, shortage: @escaping @Sendable () -> GoudError?, log: Logger
  ) {
    queue = EntryQueue(refusal: GoudError(.nodeNotReady, "the node is starting"), shortage: shortage)
    self.room = room
    self.identity = identity
    self.fetcher = fetcher
    machine = AuthorityMachine(network: network)
    core = EngineCore(ledger, volume, quota: quota, log)
    disk = Disk(ledger)
    shown = Mutex(Shown())
  }

  /// What the device still has to take of what is known outside of the volume; nil before the start.
  var progress: ProgressFile? { core.progress }

  func start() throws {
    handle(try started())
    if let failure { throw failure.error }
  }

  private func started() throws -> AuthorityMachine.Event {
    .started(try core.durableState(), nonce: (0..<16).map { _ in UInt8.random(in: .min ... .max) })
  }

  // MARK: - What happens

  func followerConnected(_ link: FollowerLink) throws {
    guard failure == nil else { throw PeerFault(.unavailable, "the authority's database has failed") }
    links[link.connection] = link
    handle(.received(.introduction(link.introduction), from: link.connection))
  }

  func followerSaid(_ message: FollowerMessage, on link: FollowerLink) async throws {
    if machine.isRaised(by: message) {
      try await Task.sleep(for: machine.status.leading ? PeerLimits.interruption : PeerLimits.rise)
    }
    guard links[link.connection] != nil else { return }
    handle(.received(message, from: link.connection))
  }

  nonisolated func followerSubmitted(_ entries: [[UInt8]], on link: FollowerLink) async throws {
    // All of them are waiting before the engine is woken.
    var first = false
    for encoded in entries {
      let ticket: EntryTicket
      do {
        ticket = try EntryTicket(decoding: encoded)
      } catch {
        throw PeerFault(.malformed, "an entry that cannot be read")
      }
      let id = ticket.entry.id
      ticket.whenSettled { outcome in
        if case .failure(let error) = outcome { link.turnDown(id, error) }
      }
      do {
        if try queue.add(ticket) { first = true }
      } catch {
        ticket.settle(.failure(error))
      }
    }
    if first { await wake() }
  }

  func followerGone(_ link: FollowerLink) {
    guard links.removeValue(forKey: link.connection) != nil else { return }
    handle(.disconnected(link.connection))
  }

  /// The operator accepts what is lost without the absent.
  func override(others: Int) {
    handle(.overridden(others: others, beginning: (0..<16).map { _ in UInt8.random(in: .min ... .max) }))
  }

  /// Entries wait in the queue.
  func wake() {
    guard failure == nil else { return }
    produceFromEntries()
    run()
  }

  /// Nothing is taken in or sent any more.
  func stop() { fail(NodeFailure(GoudError(.nodeNotReady, "the node is stopping")), report: false) }

  private func handle(_ event: AuthorityMachine.Event) {
    events.append(event)
    run()
  }

  /// Handles what has happened, until nothing is left.
  private func run() {
    while failure == nil, !events.isEmpty {
      let event = events.removeFirst()
      do {
        let actions = machine.handle(event, chain: core.store)
        if let fault = core.store.fault { throw fault }
        for action in actions { try perform(action) }
        if events.isEmpty { produceFromEntries() }
      } catch let fault as PeerFault {
        beginAnew(fault)
      } catch {
        fail(NodeFailure(error), report: true)
      }
    }
    show()
  }

  /// Blocks that were fetched break a rule of the whole chain. Nothing of them is stored: everybody is let go, and the
  /// decisions begin anew from what is.
  private func beginAnew(_ fault: PeerFault) {
    core.log.error("fetched blocks are refused", metadata: ["why": "\(fault)"])
    for link in links.values { link.close(fault) }
    links = [:]
    accepting = nil
    do {
      machine = AuthorityMachine(network: machine.network)
      events = [try started()]
    } catch {
      fail(NodeFailure(error), report: true)
    }
  }

  private func show() {
    let status = machine.status
    let position = machine.position(core.store)
    shown.withLock { $0 = Shown(status: status, position: position, failure: failure, forgotten: core.forgotten) }
  }

  // MARK: - What is done about it

  private func perform(_ action: Action) throws {
    switch action {
    case .persistPromise(let epoch): try core.persist(epoch)
    case .persistStanding(let standing, let reason): try core.persist(standing, reason)
    case .append(let ids):
      do {
        try core.store.append(fetched.filter { ids.contains($0.id) })
      } catch let fault as ChainFault {
        throw PeerFault(.badBlock, fault.description)
      }
      synchronize()
    case .truncate(let height):
      for ticket in try core.truncate(above: height) { ticket.settle(.failure(EntryTicket.unknown)) }
    case .produce(let epoch): try produce(epoch)
    case .acknowledge(let height): try core.acknowledge(height)
    case .fetch(let fetch): start(fetch)
    case .send(let message, let connection): try send(message, to: connection)
    case .drop(let connection, let code):
      links.removeValue(forKey: connection)?.close(PeerFault(code, Refusal(code).reason))
    case .accept(let epoch):
      accepting = epoch
      queue.open()
    case .refuse(let waiting):
      accepting = nil
      queue.refuse(waiting.error(machine.status, authority: identity.name))
    case .report(let report): core.report(report)
    case .reply: break
    }
  }

  private func send(_ message: AuthorityMessage, to connection: Connection) throws {
    guard let link = links[connection] else { return }
    guard case .append(let append) = message, !append.blocks.isEmpty else { return try link.send(message) }
    var previous = append.previous
    var rest = try core.store.encoded(from: append.blocks[0].height, count: append.blocks.count)[...]
    var ids = append.blocks[...]
    while !rest.isEmpty {
      var (count, bytes) = (0, 0)
      for block in rest where count == 0 || bytes + block.count <= PeerLimits.batchBytes {
        (count, bytes) = (count + 1, bytes + block.count)
      }
      count = min(count, PeerLimits.batchBlocks)
      link.send(
        SentBlocks(
          epoch: append.epoch, previous: previous, blocks: Array(rest.prefix(count)), acknowledged: append.acknowledged
        ))
      previous = ids[ids.startIndex + count - 1]
      rest = rest.dropFirst(count)
      ids = ids.dropFirst(count)
    }
  }

  // MARK: - Blocks of its own

  /// The next blocks, of what waits, as far as the machine takes entries and not too many blocks are on their way. What
  /// is turned down makes no block, and nothing that would come back here for those behind it.
  private func produceFromEntries() {
    guard accepting != nil, !queue.isEmpty else { return }
    room.lookSoon()
    queue.giveBackForLackOfRoom()
    do {
      while let epoch = accepting, !queue.isEmpty, core.store.head.height - core.store.acknowledged < Self.depth {
        try produce(epoch, emptyToo: false)
      }
    } catch {
      fail(NodeFailure(error), report: true)
    }
  }

  /// Makes, writes and reports one block.
  private func produce(_ epoch: UInt64, emptyToo: Bool = true) throws {
    let tickets = accepting == epoch ? queue.take(entries: Self.blockEntries, bytes: Self.blockBytes) : []
    let fresh = try FreshTickets(tickets, core: core)
    guard emptyToo || !fresh.tickets.isEmpty else { return }
    let ledger = core.store.ledger
    let block = NamedBlock(
      try identity.makeBlock(
        after: ledger.head, epoch: epoch, time: PeerClock.now(), entries: fresh.tickets.map(\.encoded)),
      contents: fresh.tickets.map(\.entry))
    try core.store.append([block])
    for (index, ticket) in fresh.tickets.enumerated() {
      try core.wait(for: EntryWaiter(ticket: ticket, block: block.id, index: index), at: block.id.height)
    }
    for (ticket, index) in fresh.repeated {
      try core.wait(for: EntryWaiter(ticket: ticket, block: block.id, index: index), at: block.id.height)
    }
    events.append(.appended(block.id))
    synchronize()
  }

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

  // MARK: - Blocks of others

  private func start(_ fetch: Fetch) {
    let before: BlockReference?
    do {
      before = try core.store.ledger.reference(at: fetch.after.height)
    } catch {
      return fail(NodeFailure(error), report: true)
    }
    Task {
      do {
        while failure == nil, !room.takes(blocks: .max) { try await Task.sleep(for: DiskRoom.interval) }
        finished(fetch, try await fetcher.fetch(fetch, before: before))
      } catch {
        core.log.warning("could not fetch blocks", metadata: ["from": "\(fetch.node)", "why": "\(PeerFault(error))"])
        finished(fetch, [])
      }
    }
  }

  private func finished(_ fetch: Fetch, _ blocks: [NamedBlock]) {
    guard failure == nil else { return }
    fetched = blocks
    handle(blocks.isEmpty ? .fetchFailed(fetch) : .fetched(fetch, blocks.map(\.id)))
    fetched = []
  }

  // MARK: -

  /// The end, until the ledger is opened anew: nobody is told that anything is stored which may not be.
  private func fail(_ failure: NodeFailure, report: Bool) {
    guard self.failure == nil else { return }
    self.failure = failure
    if report { core.log.critical("the engine stops", metadata: ["why": "\(failure.error)"]) }
    accepting = nil
    events = []
    queue.refuse(failure.refusal)
    core.giveUp(EntryTicket.unknown)
    try? core.progress?.synchronize()
    for link in links.values { link.close(PeerFault(.unavailable, failure.error.message.firstLine)) }
    links = [:]
    show()
  }
}
