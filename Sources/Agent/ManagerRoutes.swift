import Backup
import Foundation
import GoudCore
import Hummingbird
import Layout
import Runtime
import Volumes

extension Manager {
  /// For people and for Prometheus: nothing here changes anything.
  func pageRouter() -> Router<BasicRequestContext> {
    let router = Router()
    router.add(middleware: ErrorAnswers())
    router.add(middleware: PageGate(names: plan.managerHosts))
    router.get("/health") { _, _ in
      let status = await status()
      return try ManagerReply.json(
        OverallHealth(status),
        status: status.condition == .down || status.condition == .stopped ? .serviceUnavailable : .ok)
    }
    router.get("/health/live") { _, _ in try ManagerReply.json(["live": true]) }
    router.get("/status") { _, _ in try ManagerReply.json(await status()) }
    router.get("/api/metrics") { _, _ in ManagerReply.raw(try await metrics()) }
    router.get("/api/metrics/prometheus") { _, _ in
      Response(
        status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8", .cacheControl: "no-store"],
        body: .init(byteBuffer: ByteBuffer(string: await exposition())))
    }
    return router
  }

  /// For `goud network`, over the socket that only the owner of the home can open.
  func controlRouter(_ end: StopSignal) -> Router<BasicRequestContext> {
    let router = Router()
    router.add(middleware: ErrorAnswers())
    router.get("/status") { _, _ in try ManagerReply.json(await status()) }
    router.post("/nodes/{node}/start") { _, context in
      try await supervisor.set(try context.parameters.require("node"), wanted: true)
      return try ManagerReply.json(await status())
    }
    router.post("/nodes/{node}/stop") { _, context in
      try await supervisor.stop(try context.parameters.require("node"))
      return try ManagerReply.json(await status())
    }
    router.post("/nodes/{node}/restart") { _, context in
      try supervisor.restart(try context.parameters.require("node"))
      return try ManagerReply.json(await status())
    }
    router.post("/renew") { _, _ in
      let status = await status()
      renewed.raise()
      await end.raise()
      return try ManagerReply.json(status)
    }
    router.post("/stop") { _, _ in
      try await supervisor.stopAll()
      let status = await status()
      await end.raise()
      return try ManagerReply.json(status)
    }
    return router
  }

  /// What the authority's `/api/metrics` says, or that of the first node that answers; every node's under `nodes`.
  private func metrics() async throws -> [UInt8] {
    let answers = await ask("/api/metrics").compactMap { name, body in
      (try? JSONSerialization.jsonObject(with: body) as? [String: Any]).map { (name, $0) }
    }
    guard var merged = answers.first?.1 else {
      throw GoudError(.nodeNotReady, "no node answers", hint: "see goud network status")
    }
    merged["nodes"] = Dictionary(uniqueKeysWithValues: answers)
    return Array(try JSONSerialization.data(withJSONObject: merged, options: [.sortedKeys, .withoutEscapingSlashes]))
      + [10]
  }

  private func exposition() async -> String {
    async let pages = ask("/api/metrics/prometheus")
    async let status = status()
    async let record = backups()
    async let followed = watch()
    var merge = MetricsMerge()
    for (name, body) in await pages { merge.add(String(decoding: body, as: UTF8.self), node: name) }
    merge.addOwn(await status)
    if let record = await record { merge.add(record) }
    if let followed = await followed { merge.add(followed, now: Date()) }
    return merge.text
  }

  /// Asks every node at once.
  /// - Returns: what those say that answer well, in the network's order.
  private func ask(_ path: String) async -> [(String, Data)] {
    await withTaskGroup(of: (Int, String, Data)?.self) { group in
      for (index, node) in plan.nodes.enumerated() {
        group.addTask {
          guard let (status, body) = try? await client.get(plan.clients(node).url(path)), status == 200 else {
            return nil
          }
          return (index, node.name, body)
        }
      }
      var answers: [(Int, String, Data)] = []
      for await answer in group { if let answer { answers.append(answer) } }
      return answers.sorted { $0.0 < $1.0 }.map { ($0.1, $0.2) }
    }
  }
}

/// The manager's `/health`.
private struct OverallHealth: Encodable {
  struct Node: Encodable {
    let state: NetworkStatus.Node.State
    let status: String?
    let reason: String?
    let chainLength: UInt64?
    /// Seconds since `state` was seen.
    let age: Double?
  }

  let status: NetworkStatus.Condition
  let chainId: String?
  /// Acknowledged blocks, genesis included, of the node that knows most.
  let chainLength: UInt64
  let nodes: [String: Node]
  let version = Release.version

  init(_ network: NetworkStatus) {
    status = network.condition
    chainId = network.chain
    chainLength = network.nodes.compactMap { $0.health?.chainLength }.max() ?? 0
    nodes = Dictionary(
      uniqueKeysWithValues: network.nodes.map {
        (
          $0.name,
          Node(
            state: $0.state, status: $0.health?.status, reason: $0.health?.reason,
            chainLength: $0.health?.chainLength, age: $0.age)
        )
      })
  }
}

extension MetricsMerge {
  /// What only the manager knows.
  mutating func addOwn(_ status: NetworkStatus) {
    func family(_ name: String, _ help: String, _ value: (NetworkStatus.Node) -> Double?) {
      for node in status.nodes {
        guard let value = value(node) else { continue }
        add("# HELP \(name) \(help)\n# TYPE \(name) gauge\n\(name) \(value)", node: node.name)
      }
    }
    family("goud_node_up", "1: the node's process runs and answers.") { $0.health == nil ? 0 : 1 }
    family("goud_node_restarts", "How often it was started again after it had ended by itself.") {
      Double($0.restarts)
    }
    family("goud_node_seen_age_seconds", "How long ago its state was seen; more than 1: what runs it does not answer.")
    {
      $0.age
    }
    family("goud_node_lag_blocks", "Blocks that it lacks of what is acknowledged.") { $0.lag.map(Double.init) }
  }
}

extension MetricsMerge {
  /// What the environment's backups came to. Times are seconds since 1970.
  mutating func add(_ record: BackupRecord) {
    let last = record.last
    add("goud_backup_last_run_timestamp_seconds", "When the last backup began.", last.began.timeIntervalSince1970)
    add(
      "goud_backup_last_run_success", "1: it is good, or still running.",
      [.good, .running].contains(last.result) ? 1 : 0)
    add("goud_backup_last_run_duration_seconds", "How long it took.", last.seconds)
    add(
      "goud_backup_failed_days", "Days since the last good backup on which one has failed.",
      Double(record.failedDays.count))
    // A run under a clock that was ahead would keep the alerts silent until its day has come.
    guard let good = record.lastGood, !good.began.isAhead(of: Date()) else { return }
    add("goud_backup_last_good_timestamp_seconds", "When the last good backup began.", good.began.timeIntervalSince1970)
    add("goud_backup_last_good_size_bytes", "Size of its archive.", good.bytes.map(Double.init))
  }
}

extension MetricsMerge {
  /// What a watch of the environment's volumes says of itself. After an orderly end it has nothing to say.
  mutating func add(_ watch: WatchStatus, now: Date) {
    // What it has made stays, whether it goes on or not; what was made under a clock that was ahead counts for nothing.
    if let whole = watch.whole, !whole.isAhead(of: now) {
      add(
        "goud_watch_last_backup_timestamp_seconds", "When its newest backup with every volume, proven, was taken.",
        whole.timeIntervalSince1970)
    }
    guard watch.ended == nil else { return }
    add("goud_watch_noted_timestamp_seconds", "When the watch last said something.", watch.noted.timeIntervalSince1970)
    add(
      "goud_watch_data_at_risk_seconds", "How old the newest state is that is in the repository.",
      watch.secondsAtRisk(now: now))
    add("goud_watch_data_at_risk_bytes", "Bytes that were seen and are not in it.", Double(watch.bytesAtRisk))
    add("goud_watch_data_at_risk_writes", "Writes that were seen and are not in it.", Double(watch.writesAtRisk))
    add(
      "goud_watch_data_at_risk_blocks", "Blocks of the chain that were seen and are not in it.",
      watch.blocksAtRisk.map(Double.init))
    add("goud_watch_commits", "Backups that this watch has made.", Double(watch.commits))
    add("goud_watch_stored_bytes", "Bytes that it has stored.", Double(watch.storedBytes))
    add("goud_watch_fault", "1: something went wrong, and was not mended since.", watch.fault == nil ? 0 : 1)
    for (kind, count) in watch.requests.sorted(by: { $0.key < $1.key }) {
      add("goud_watch_requests_\(kind)", "Requests of this kind that it has made.", Double(count))
    }
  }
}
