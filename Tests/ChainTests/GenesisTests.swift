import Chain
import GoudCore
import Testing

@Suite struct GenesisTests {
  private let key = ValidatorKey.generate()
  private var validator: Genesis.Validator { .init(name: "node1", publicKey: key.publicKey) }

  @Test func whatIsFoundedIsReadFromTheBlock() throws {
    let genesis = try Genesis(
      network: "local", validators: [validator, .init(name: "node2", publicKey: .random(32))])
    let block = try genesis.block(key: key, time: 5)
    #expect(try Genesis(block: block) == genesis)
    #expect(block.chain == block.hash && block.previous == .zero && block.height == 0 && block.epoch == 0)
    let rules = try BlockRules(genesis: try Block(decoding: block.encoded, chain: nil))
    #expect(rules.chain == block.hash && rules.genesis.authority.name == "node1")
  }

  @Test func twoFoundingsNeverShareAChain() throws {
    let blocks = try (0..<2).map { _ in
      try Genesis(network: "local", validators: [validator]).block(key: key, time: 5)
    }
    #expect(blocks[0].hash != blocks[1].hash)
  }

  @Test func whatIsOutOfBoundsIsRefused() throws {
    func refusal(_ network: String, _ validators: [Genesis.Validator], nonce: [UInt8]? = nil) -> ChainFault.Kind? {
      do {
        _ = try Genesis(network: network, validators: validators, nonce: nonce)
        return nil
      } catch { return error.kind }
    }
    func many(_ count: Int) -> [Genesis.Validator] {
      (0..<count).map { .init(name: "node\($0)", publicKey: .random(32)) }
    }
    #expect(refusal("local", [validator]) == nil)
    #expect(refusal("local", many(64)) == nil)
    #expect(refusal("local", many(65)) == .genesis)
    #expect(refusal("local", []) == .genesis)
    for name in ["", "a b", "Ä", "a/b", String(repeating: "a", count: 65)] {
      #expect(refusal(name, [validator]) == .genesis)
      #expect(refusal("local", [.init(name: name, publicKey: key.publicKey)]) == .genesis)
    }
    #expect(refusal("local", [validator, .init(name: "node1", publicKey: .random(32))]) == .genesis)
    #expect(refusal("local", [validator, .init(name: "node2", publicKey: key.publicKey)]) == .genesis)
    #expect(refusal("local", [.init(name: "node1", publicKey: .random(31))]) == .genesis)
    #expect(refusal("local", [validator], nonce: .random(15)) == .genesis)
  }

  @Test func onlyTheAuthorityFounds() throws {
    let genesis = try Genesis(network: "local", validators: [validator])
    #expect(throws: GoudError.self) { try genesis.block(key: .generate(), time: 5) }
  }

  @Test func aNewerSchemaIsRefused() throws {
    let genesis = try Genesis(network: "local", validators: [validator], schemaVersion: 2)
    #expect(throws: ChainFault.self) { try BlockRules(genesis: genesis.block(key: key, time: 5)) }
  }
}
