import Crypto
import Foundation
import GoudCore
import Layout

/// Where things are inside a node's container.
enum ContainerPaths {
  static let data = "/data"
  static let genesis = "/genesis.block"
  static let progress = "/progress"

  static func certificate(_ tls: NetworkPlan.TLS) -> String { "/tls/certificate/\(name(tls.certificate))" }
  static func key(_ tls: NetworkPlan.TLS) -> String { "/tls/key/\(name(tls.key))" }

  /// The directories that hold the two files, and where a container sees them: a file by itself would stay the one that
  /// was there when the container was made.
  static func mounts(_ tls: NetworkPlan.TLS) -> [(source: String, target: String)] {
    [
      (FileSystem.parent(of: tls.certificate), "/tls/certificate"), (FileSystem.parent(of: tls.key), "/tls/key"),
    ]
  }

  private static func name(_ path: String) -> Substring { path.split(separator: "/").last ?? "" }
}

/// What a node's container is made with.
struct ContainerSettings {
  let plan: NetworkPlan
  let settings: NetworkPlan.Docker
  let home: NetworkHome

  /// The body of `POST /containers/create`. Only the port for clients is published: peers find each other by their names,
  /// in a network of their own. The root is read-only, and there are no privileges.
  func body(_ node: NetworkPlan.Node, volume: String, network: String) throws -> [String: Any] {
    let clients = plan.clients(node)
    var host: [String: Any] = [
      "RestartPolicy": ["Name": "unless-stopped"],
      "NetworkMode": network,
      "PortBindings": ["\(clients.port)/tcp": [["HostIp": clients.address, "HostPort": "\(clients.port)"]]],
      "Mounts": [
        ["Type": "volume", "Source": volume, "Target": ContainerPaths.data],
        ["Type": "bind", "Source": home.genesis, "Target": ContainerPaths.genesis, "ReadOnly": true],
        ["Type": "bind", "Source": home.progress(node.name), "Target": ContainerPaths.progress],
      ],
      "ReadonlyRootfs": true, "Tmpfs": ["/tmp": ""], "CapDrop": ["ALL"], "SecurityOpt": ["no-new-privileges"],
      "LogConfig": ["Type": "json-file", "Config": ["max-size": "10m", "max-file": "5"]],
    ]
    if let tls = plan.tls, let mounts = host["Mounts"] as? [[String: Any]] {
      host["Mounts"] =
        mounts
        + ContainerPaths.mounts(tls).map {
          ["Type": "bind", "Source": $0.source, "Target": $0.target, "ReadOnly": true] as [String: Any]
        }
    }
    if settings.memory > 0 { host["Memory"] = settings.memory << 20 }
    if settings.cpu > 0 { host["NanoCpus"] = settings.cpu * 10_000_000 }
    return [
      "Image": settings.image, "Cmd": try plan.command(node, home: home), "Hostname": node.name,
      "Labels": [EngineLabel.environment: plan.environment, EngineLabel.node: node.name],
      "ExposedPorts": ["\(clients.port)/tcp": [String: String]()],
      "Healthcheck": [
        "Test": plan.healthCheck(node),
        "Interval": 10_000_000_000, "Timeout": 5_000_000_000, "Retries": 3, "StartPeriod": 30_000_000_000,
      ],
      "HostConfig": host,
      "NetworkingConfig": ["EndpointsConfig": [network: ["Aliases": [node.name]]]],
    ]
  }

  static func digest(_ body: [String: Any], image: String) -> String {
    let data = (try? JSONSerialization.data(withJSONObject: body, options: [.sortedKeys])) ?? Data()
    return Hex.text(Array(SHA256.hash(data: data + Data(image.utf8))).prefix(16).map { $0 })
  }
}
