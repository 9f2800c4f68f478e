import Foundation
import GoudCore
public import Layout

/// A compose file for the containers of a network, the same as Goud makes itself: by their labels, it takes them for its
/// own. `docker-compose` 1 and `docker compose` 2 read it; the volumes and the genesis are made by `goud network found`.
public struct ComposeFile {
  private let plan: NetworkPlan
  private let home: NetworkHome
  private let settings: NetworkPlan.Docker

  /// - Throws: `usage.invalid` when the nodes of the plan are no containers.
  public init(_ plan: NetworkPlan, home: NetworkHome) throws {
    guard let docker = plan.docker else {
      throw GoudError(.usage, "the nodes of \(plan.environment) are no containers", hint: "set RUNTIME=docker")
    }
    self.plan = plan
    self.home = home
    settings = docker
  }

  /// - Throws: `secret.invalid` for a registration token that nodes could not be told of.
  public func text() throws -> String {
    """
    # Written by goud network compose --env \(plan.environment).
    #   goud network found --runtime docker --env \(plan.environment)
    #   docker-compose -f FILE up -d
    version: "2.4"
    services:
    \(try plan.nodes.map(service).joined())
    networks:
      default:
        name: \(plan.network)
    volumes:
    \(plan.nodes.map { "  \($0.name)_data: {external: true, name: \($0.name)_data}" }.joined(separator: "\n"))

    """
  }

  private func service(_ node: NetworkPlan.Node) throws -> String {
    let clients = plan.clients(node)
    var lines = [
      "  \(node.name):", "    image: \(Self.quoted(settings.image))", "    container_name: \(node.name)",
      "    hostname: \(node.name)", "    command: \(Self.list(try plan.command(node, home: home)))",
      "    restart: unless-stopped",
      "    read_only: true", "    tmpfs: [/tmp]", "    cap_drop: [ALL]",
      "    security_opt: [\"no-new-privileges:true\"]", "    ports: [\(Self.quoted("\(clients):\(clients.port)"))]",
      "    volumes:",
      "      - \(node.name)_data:\(ContainerPaths.data)",
      "      - ${GOUD_HOME:?name the home of goud}/\(plan.environment)/network/genesis.block:\(ContainerPaths.genesis):ro",
      "      - ${GOUD_HOME:?name the home of goud}/\(plan.environment)/network/progress/\(node.name):\(ContainerPaths.progress)",
      "    labels: {\(EngineLabel.environment): \(plan.environment), \(EngineLabel.node): \(node.name)}",
      "    healthcheck:", "      test: \(Self.list(plan.healthCheck(node)))",
      "      interval: 10s", "      timeout: 5s", "      retries: 3", "      start_period: 30s",
      "    logging: {driver: json-file, options: {max-size: 10m, max-file: \"5\"}}",
    ]
    if let tls = plan.tls, let place = lines.firstIndex(where: { $0.contains("genesis.block") }) {
      let mounts = ContainerPaths.mounts(tls).map { "      - \(Self.quoted("\($0.source):\($0.target):ro"))" }
      lines.insert(contentsOf: mounts, at: place + 1)
    }
    if settings.memory > 0 { lines.append("    mem_limit: \(settings.memory)m") }
    if settings.cpu > 0 { lines.append("    cpus: \(Double(settings.cpu) / 100)") }
    return lines.map { "\($0)\n" }.joined()
  }

  private static func list(_ words: [String]) -> String { "[\(words.map(quoted).joined(separator: ", "))]" }

  /// A `$` stands for itself.
  private static func quoted(_ word: String) -> String {
    let text = word.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"")
    return "\"\(text.replacingOccurrences(of: "$", with: "$$"))\""
  }
}

extension NetworkPlan {
  /// The engine's network that the containers share.
  var network: String { "goud-\(environment)" }

  /// What a node's container runs. It listens wherever the container does: what is not published is seen by the other
  /// containers alone, who find it by its name.
  func command(_ node: Node, home: NetworkHome) throws -> [String] {
    var words = [
      "node", "run", "--name", node.name, "--data", ContainerPaths.data, "--http", "0.0.0.0:\(node.httpPort)",
      "--listen", "0.0.0.0:\(node.peerPort)", "--genesis", ContainerPaths.genesis,
      "--progress", ContainerPaths.progress,
    ]
    for peer in nodes where peer != node { words += ["--peer", "\(peer.name)=\(peer.name):\(peer.peerPort)"] }
    if let tls {
      words += ["--tls-certificate", ContainerPaths.certificate(tls), "--tls-key", ContainerPaths.key(tls)]
    }
    if let writeAcks { words += ["--write-acks", "\(writeAcks)"] }
    return words + (try clientBounds?.arguments(home) ?? [])
  }

  /// The engine's health check of a node's container.
  func healthCheck(_ node: Node) -> [String] {
    ["CMD", "/usr/bin/goud", "node", "health", "--http", "127.0.0.1:\(node.httpPort)"] + (tls == nil ? [] : ["--tls"])
  }
}
