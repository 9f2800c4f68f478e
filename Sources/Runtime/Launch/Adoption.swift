import Chain
import GoudCore
import Layout

/// Makes `network/` from volumes that a restore has put on a machine where the network was not founded.
struct Adoption {
  let founding: Founding
  private var home: NetworkHome { founding.home }

  init(_ founding: Founding) { self.founding = founding }

  /// - Parameter present: the nodes whose volumes are there; at least one.
  /// - Throws: `chain.foreign` when they hold different chains; `network.differs` when the chain has other validators;
  ///   `network.not-founded` when a key is nowhere to be found; `volume.database-open`.
  func adopt(_ present: [String]) throws -> NetworkRecord {
    var found: ChainFacts?
    var genesis: [UInt8] = []
    for node in present {
      let volume = home.volume(node)
      try RestoreGate.check(volume)
      let database = "\(volume)/\(VolumeName.database)"
      guard try FileSystem.status("\(database)/CURRENT") != nil else { continue }
      guard let facts = try ChainFacts.read(directory: database) else { throw noLedger(volume) }
      if let found, found.chain != facts.chain { throw foreign(volume, facts, found) }
      guard found == nil else { continue }
      found = facts
      genesis = try Ledger(directory: database).genesisBlock.encoded
    }
    guard let found else { throw noLedger(home.volumes) }
    guard found.validators == founding.nodes else { throw differs(found) }
    let record = NetworkRecord(
      environment: founding.environment, chain: found.chain.hex, nodes: founding.nodes, beginning: nil, complete: true)
    try founding.publish(record, genesis: genesis, keys: try keys(found.genesis))
    return record
  }

  private func keys(_ genesis: Genesis) throws -> [(String, ValidatorKey)] {
    try genesis.validators.map { validator in
      let path = "\(home.volume(validator.name))/\(VolumeName.validatorKey)"
      guard try FileSystem.status(path) != nil else {
        throw GoudError(
          .networkNotFounded, "there is no validator key of \(validator.name): \(path) is missing",
          hint: "restore its volume too, or put the key there", context: ["path": path])
      }
      let key = try ValidatorKey(path: path)
      guard key.publicKey == validator.publicKey else {
        throw GoudError(
          .chainKeyInvalid, "\(path) is not the key of \(validator.name) in genesis",
          hint: "put back the key that was made when the network was founded", context: ["path": path])
      }
      return (validator.name, key)
    }
  }

  private func noLedger(_ path: String) -> GoudError {
    GoudError(
      .networkNotFounded, "\(path) holds no chain, and the network has not been founded here",
      hint: "restore a backup, or move the volumes away to found a new network", context: ["path": path])
  }

  private func foreign(_ volume: String, _ one: ChainFacts, _ other: ChainFacts) -> GoudError {
    GoudError(
      .chainForeign, "\(volume) holds chain \(one.chain.hex.prefix(12)), the others hold \(other.chain.hex.prefix(12))",
      hint: "move the volume that does not belong here away", context: ["path": volume])
  }

  private func differs(_ facts: ChainFacts) -> GoudError {
    GoudError(
      .networkDiffers,
      "the chain in \(home.volumes) has \(facts.validators.joined(separator: ", ")); the configuration names "
        + founding.nodes.joined(separator: ", "),
      hint: "set NODES to what the chain has", context: ["path": home.volumes])
  }
}
