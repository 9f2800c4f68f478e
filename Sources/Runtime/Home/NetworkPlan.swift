import GoudCore
public import Layout
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

  /// In PEM each.
  public struct TLS: Sendable, Hashable, Codable {
    public let certificate: String
    public let key: String
  }

  /// What the operator has decided about clients.
  public struct Clients: Sendable, Hashable, Codable {
    /// `open`, `token` or `closed`.
    public let registration: String
    /// MiB; 0: no bound.
    public let accountQuota: Int
    /// MiB; 0: none.
    public let diskReserve: Int
    /// `ADDRESS` or `ADDRESS/BITS`.
    public let trustedProxies: [String]

    init(_ configuration: GoudConfiguration) {
      registration = configuration.registration
      accountQuota = configuration.accountQuota
      diskReserve = configuration.diskReserve
      trustedProxies = configuration.trustedProxies
    }

    /// As `goud node run` takes them.
    /// - Throws: what `RegistrationToken.digest` throws.
    func arguments(_ home: NetworkHome) throws -> [String] {
      let admitted = registration == "token" ? try RegistrationToken.digest(home) : registration
      return [
        "--registration", admitted, "--account-quota", "\(accountQuota)", "--disk-reserve", "\(diskReserve)",
      ] + trustedProxies.flatMap { ["--trusted-proxy", $0] }
    }
  }

  public let environment: String
  /// nil: the nodes are processes.
  public let docker: Docker?
  /// Where nodes serve clients.
  public let address: String
  /// Where nodes serve peers.
  public let peerAddress: String
  public let managerAddress: String
  public let managerPort: Int
  /// Further names that the manager's page answers to.
  public let managerHosts: [String]
  /// What nodes show their clients; nil: they serve in the clear.
  public let tls: TLS?
  public let writeAcks: Int?
  /// nil: a manager of an older release says nothing of it.
  public let clientBounds: Clients?
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
    peerAddress = configuration.peerAddress
    managerAddress = configuration.managerAddress
    managerPort = configuration.managerPort
    managerHosts = configuration.managerHosts
    tls = configuration.tls.map { TLS(certificate: $0.certificate, key: $0.key) }
    writeAcks = configuration.writeAcks
    clientBounds = Clients(configuration)
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

  /// Makes what nodes are started with besides their volumes: the registration token, when accounts need it.
  /// - Throws: `secret.invalid`, `io.*`.
  public func prepare(_ home: NetworkHome) throws { _ = try clientBounds?.arguments(home) }

  public func node(_ name: String) throws -> Node {
    guard let node = nodes.first(where: { $0.name == name }) else {
      throw GoudError(
        .nodeUnknown, "there is no node \(name)", hint: "the nodes are \(nodes.map(\.name).joined(separator: ", "))",
        context: ["node": name])
    }
    return node
  }

  /// What `goud` is started with to run a node.
  func arguments(for node: Node, home: NetworkHome) throws -> [String] {
    var arguments = [
      "node", "run", "--name", node.name, "--data", node.volume, "--http", "\(clients(node))",
      "--listen", "\(peers(node))", "--genesis", home.genesis, "--progress", home.progress(node.name),
      "--log-file", home.log(node.name),
    ]
    for peer in nodes where peer != node { arguments += ["--peer", "\(peer.name)=\(peers(peer).reach)"] }
    if let tls { arguments += ["--tls-certificate", tls.certificate, "--tls-key", tls.key] }
    if let writeAcks { arguments += ["--write-acks", "\(writeAcks)"] }
    return arguments + (try clientBounds?.arguments(home) ?? [])
  }
}

/// The doors of a network. There is no other way to an address, so that none is opened on another's.
extension NetworkPlan {
  /// A port, and the address of this machine on which it is opened: `127.0.0.1:8081`, `[::1]:8081`.
  public struct Door: Sendable, Hashable, CustomStringConvertible {
    public let address: String
    public let port: Int
    /// Served over TLS.
    public var isTLS = false

    public var description: String { address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)" }

    /// What listens everywhere is reached on the loopback interface.
    public var reach: String {
      let nearby = ["0.0.0.0": "127.0.0.1", "::": "::1"]
      return nearby[address].map { Door(address: $0, port: port).description } ?? description
    }

    public func url(_ path: String = "") -> String { "\(isTLS ? "https" : "http")://\(reach)\(path)" }
  }

  /// Where a node serves clients.
  public func clients(_ node: Node) -> Door { Door(address: address, port: node.httpPort, isTLS: tls != nil) }
  /// Where a node serves peers; a container does so inside the engine's network alone.
  public func peers(_ node: Node) -> Door { Door(address: peerAddress, port: node.peerPort) }
  public var manager: Door { Door(address: managerAddress, port: managerPort) }
}

/// A manager of an older release knows fewer settings.
extension NetworkPlan {
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    environment = try values.decode(String.self, forKey: .environment)
    docker = try values.decodeIfPresent(Docker.self, forKey: .docker)
    address = try values.decode(String.self, forKey: .address)
    peerAddress = try values.decodeIfPresent(String.self, forKey: .peerAddress) ?? address
    managerAddress = try values.decodeIfPresent(String.self, forKey: .managerAddress) ?? address
    managerPort = try values.decode(Int.self, forKey: .managerPort)
    managerHosts = try values.decodeIfPresent([String].self, forKey: .managerHosts) ?? []
    tls = try values.decodeIfPresent(TLS.self, forKey: .tls)
    writeAcks = try values.decodeIfPresent(Int.self, forKey: .writeAcks)
    clientBounds = try values.decodeIfPresent(Clients.self, forKey: .clientBounds)
    nodes = try values.decode([Node].self, forKey: .nodes)
  }
}

extension NetworkPlan {
  /// The default ports, for tests.
  init(environment: String, nodes: [String]) {
    self.environment = environment
    docker = nil
    (address, peerAddress, managerAddress) = ("127.0.0.1", "127.0.0.1", "127.0.0.1")
    managerPort = 8080
    managerHosts = []
    tls = nil
    writeAcks = nil
    clientBounds = nil
    self.nodes = nodes.enumerated().map {
      Node(name: $1, httpPort: 8081 + $0, peerPort: 9001 + $0, volume: "/\($1)_data")
    }
  }
}
