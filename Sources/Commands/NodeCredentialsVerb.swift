import ArgumentParser
import Chain
import Foundation
import GoudCore
import Layout
import Node
import VolumeSnapshot
import Volumes

#if canImport(Glibc)
  import Glibc
#endif

/// `goud node credentials`
struct NodeCredentialsVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "credentials", abstract: "Write a certificate and a key with which TLS tools are a node.",
    discussion: "Peers take them for a week. Whoever has key.pem is that node towards them until then.")

  @Option(help: ArgumentHelp("The node's volume.", valueName: "path")) var data: String
  @Option(help: ArgumentHelp("Where cert.pem and key.pem are written.", valueName: "directory")) var output: String
  @Option(help: ArgumentHelp("The encoded genesis block; needed where the volume has no chain yet.", valueName: "file"))
  var genesis: String?

  func run() throws {
    guard let volume = FileSystem.realPath(data) else {
      throw GoudError(.volumeNotFound, "there is no volume at \(data)", hint: "name a node's volume with --data")
    }
    let key = try ValidatorKey(path: "\(volume)/\(VolumeName.validatorKey)")
    let chain = try chain(volume)
    let credentials = try NodeCredentials(genesis: chain.genesis, chain: chain.hash, key: key)
    try FileManager.default.createDirectory(
      atPath: output, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    try AtomicFile.write(Array(credentials.key.utf8), to: "\(output)/key.pem", mode: 0o600)
    try AtomicFile.write(Array(credentials.certificates.utf8), to: "\(output)/cert.pem", mode: 0o644)
    Output.note("\(output)/cert.pem, key.pem: \(credentials.node), until \(credentials.end.formatted(.iso8601))")
  }

  /// Of the volume's ledger as it is at one moment, whether a node has it open or not.
  private func chain(_ volume: String) throws -> (genesis: Genesis, hash: BlockHash) {
    if let genesis {
      let bytes = try Descriptor.open(genesis, O_RDONLY).readAll(limit: 4 << 20)
      do {
        let rules = try BlockRules(genesis: try Block(decoding: bytes, chain: nil))
        return (rules.genesis, rules.chain)
      } catch {
        throw error.error.within(genesis)
      }
    }
    let location = DatabaseLocation(path: VolumeName.database, directory: "\(volume)/\(VolumeName.database)")
    guard try FileSystem.status("\(location.directory)/CURRENT") != nil else { throw noChain }
    var options = SnapshotOptions()
    options.proveOrders = false
    options.cancellation = Signals.cancellation
    let layout = try DatabaseLayout.find(location, volume: volume)
    guard let facts = try DatabaseSnapshot.take(location, layout: layout, options: options).chainFacts() else {
      throw noChain
    }
    return (facts.genesis, facts.chain)
  }

  private var noChain: GoudError {
    GoudError(
      .chainNotALedger, "\(data) has no chain yet", hint: "name the genesis block of its network: --genesis FILE",
      context: ["path": data])
  }
}
