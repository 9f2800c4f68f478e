import GoudCore
import Layout
public import Volumes

/// How the nodes of a network run on this machine: who listens where. Comparable, so that a network that runs with
/// other settings is noticed.
public struct NetworkPlan: Sendable, Hashable, Codable {
  public struct Node: Sendable, Hashable, Codable {
    public let name: String
    public let httpPort: Int
    public let peerPort: Int
    public let volume: String
  }

  /// What containers are made with.
  public struct Docker: Sendable, Hashable, Codable {
    public let image: String
    /// MiB; 0: no limit.
    public let memory: Int
    /// Percent of one processor; 0: no limit.
    public let cpu: Int
  }

  public let environment: String
  /// nil: the nodes are processes.
  public let docker: Docker?
  public let address: String
  public let managerPort: Int
  /// Further names that the manager's page answers to.
  public let managerHosts: [String]
  public let writeAcks: Int?
  /// The first is the authority.
  public let nodes: [Node]

  /// - Throws: `config.invalid-value` when two would listen on one port.
  public init(_ configuration: GoudConfiguration) throws {
    let home = NetworkHome(configuration)
    environment = configuration.environment
    docker =
      configuration.runtime == .docker
      ? Docker(image: configuration.dockerImage, memory: configuration.nodeMemory, cpu: configuration.nodeCPU) : nil
    address = configuration.bindAddress
    managerPort = configuration.managerPort
    managerHosts = configuration.managerHosts
    writeAcks = configuration.writeAcks
    nodes = configuration.nodes.enumerated().map { index, name in
      Node(
        name: name, httpPort: configuration.nodeHTTPPort + index, peerPort: configuration.nodePeerPort + index,
        volume: home.volume(name))
    }
    let ports = [managerPort] + nodes.flatMap { [$0.httpPort, $0.peerPort] }
    guard Set(ports).count == ports.count else {
      throw GoudError(
        .configInvalid,
        "two would listen on one port: the manager has \(managerPort), clients "
          + "\(nodes.map { "\($0.httpPort)" }.joined(separator: ", ")), peers "
          + nodes.map { "\($0.peerPort)" }.joined(separator: ", "),
        hint: "set MANAGER_PORT, NODE_HTTP_PORT and NODE_PEER_PORT further apart")
    }
  }

  public func node(_ name: String) throws -> Node {
    guard let node = nodes.first(where: { $0.name == name }) else {
      throw GoudError(
        .nodeUnknown, "there is no node \(name)", hint: "the nodes are \(nodes.map(\.name).joined(separator: ", "))",
        context: ["node": name])
    }
    return node
  }

  /// What `goud` is started with to run a node.
  func arguments(for node: Node, home: NetworkHome) -> [String] {
    var arguments = [
      "node", "run", "--name", node.name, "--data", node.volume, "--http", endpoint(node.httpPort),
      "--listen", endpoint(node.peerPort), "--genesis", home.genesis, "--progress", home.progress(node.name),
      "--log-file", home.log(node.name),
    ]
    for peer in nodes where peer != node { arguments += ["--peer", "\(peer.name)=\(endpoint(peer.peerPort))"] }
    if let writeAcks { arguments += ["--write-acks", "\(writeAcks)"] }
    return arguments
  }

  /// What listens everywhere is reached on the loopback interface.
  public func endpoint(_ port: Int) -> String { address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)" }

  public func url(_ port: Int, _ path: String) -> String { "http://\(reach(port))\(path)" }

  /// Where a node's peers reach it.
  public func peer(_ node: Node) -> String { reach(node.peerPort) }

  private func reach(_ port: Int) -> String {
    let host = ["0.0.0.0": "127.0.0.1", "::": "[::1]"][address] ?? (address.contains(":") ? "[\(address)]" : address)
    return "\(host):\(port)"
  }
}

extension NetworkPlan {
  /// The default ports, for tests.
  init(environment: String, nodes: [String]) {
    self.environment = environment
    docker = nil
    address = "127.0.0.1"
    managerPort = 8080
    managerHosts = []
    writeAcks = nil
    self.nodes = nodes.enumerated().map {
      Node(name: $1, httpPort: 8081 + $0, peerPort: 9001 + $0, volume: "/\($1)_data")
    }
  }
}
