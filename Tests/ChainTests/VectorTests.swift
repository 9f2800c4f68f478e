import Foundation
import GoudCore
import TestSupport
import Testing

@testable import Chain

/// docs/chain.md as numbers: made by a second implementation in Python, and held against this one.
@Suite struct VectorTests {
  private static let directory = Checkout.path("Tests/ChainTests/Vectors")
  private let vectors: Vectors

  init() throws {
    let file = URL(fileURLWithPath: "\(Self.directory)/vectors.json")
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    vectors = try decoder.decode(Vectors.self, from: Data(contentsOf: file))
  }

  @Test func theSecondImplementationStillSaysWhatIsWrittenDown() async throws {
    let run = try await Programs.run("/usr/bin/python3", ["\(Self.directory)/reference.py"])
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.output == (try String(contentsOfFile: "\(Self.directory)/vectors.json", encoding: .utf8)))
  }

  @Test func keysAreThoseOfTheirSeeds() throws {
    for key in vectors.keys {
      #expect(Hex.text(try ValidatorKey(seed: bytes(key.seed)).publicKey) == key.public)
    }
  }

  @Test func rootsAreThose() {
    for tree in vectors.merkle {
      let leaves = tree.leaves.map(bytes)
      #expect(Merkle.root(of: leaves).hex == tree.root, "\(leaves.count) leaves")
    }
  }

  @Test func everyBlockIsReadAndAccepted() throws {
    let chain = try #require(BlockHash(hex: vectors.chain))
    let rules = try BlockRules(genesis: Block(decoding: bytes(vectors.blocks[0].encoded), chain: nil))
    #expect(rules.chain == chain && rules.genesis.network == vectors.network)
    #expect(rules.genesis.validators.map(\.name) == vectors.keys.map(\.name))
    var previous: BlockReference?
    for vector in vectors.blocks {
      let block = try Block(decoding: bytes(vector.encoded), chain: vector.height == 0 ? nil : chain)
      #expect(vector.matches(block), "\(vector.about)")
      if let previous { try rules.check(block, after: previous) }
      previous = block.reference
    }
  }

  /// The same fields give the same bytes, but for the signature: another one may be just as good.
  @Test func everyBlockIsMadeAgainFromItsFields() throws {
    let key = try ValidatorKey(seed: bytes(vectors.keys[0].seed))
    let chain = try #require(BlockHash(hex: vectors.chain))
    for vector in vectors.blocks {
      let header = BlockHeader(
        chain: vector.height == 0 ? .zero : chain, height: vector.height, epoch: vector.epoch, time: vector.time,
        previous: try #require(BlockHash(hex: vector.previous)),
        merkleRoot: Merkle.root(of: vector.entries.map(bytes)), entryCount: UInt32(vector.entries.count),
        producer: key.publicKey)
      #expect(Hex.text(header.preimage) == vector.preimage, "\(vector.about)")
      let block = try Block(signing: header, entries: vector.entries.map(bytes), key: key, chain: chain)
      #expect(
        Hex.text(block.encoded).replacingOccurrences(of: Hex.text(block.signature), with: vector.signature)
          == vector.encoded, "\(vector.about)")
    }
  }

  @Test func everyBadBlockIsRefusedForItsFault() throws {
    let rules = try BlockRules(genesis: Block(decoding: bytes(vectors.blocks[0].encoded), chain: nil))
    let previous = try Block(decoding: bytes(vectors.blocks[vectors.after].encoded), chain: rules.chain).reference
    for offer in vectors.offered {
      var fault: ChainFault?
      do throws(ChainFault) {
        try rules.check(try Block(decoding: bytes(offer.encoded), chain: rules.chain), after: previous)
      } catch {
        fault = error
      }
      #expect(fault?.kind.rawValue == offer.fault, "\(offer.about): \(fault?.description ?? "accepted")")
    }
  }

  @Test func theWorkedExampleOfTheDocumentIsBlockTwo() throws {
    let text = try String(contentsOfFile: Checkout.path("docs/chain.md"), encoding: .utf8)
    let example = try #require(text.components(separatedBy: "<!-- worked example").last)
    let rows = example.components(separatedBy: "\n\n")[0].split(separator: "\n").filter { $0.hasSuffix("` |") }
    let preimage = rows.map { $0.split(separator: "`")[1] }.joined()
    #expect(preimage == vectors.blocks[2].preimage)
    #expect(example.contains("\n\(vectors.blocks[2].hash)\n\(vectors.blocks[2].signature)\n"))
  }

  @Test func aLedgerOfTheBlocksIsProven() throws {
    try inTemporaryDirectory { scratch in
      let genesis = try Block(decoding: bytes(vectors.blocks[0].encoded), chain: nil)
      do {
        let ledger = try Ledger(directory: "\(scratch)/ledger", genesis: genesis)
        try ledger.append(
          vectors.blocks[1...].map { vector in try Block(decoding: bytes(vector.encoded), chain: genesis.hash) })
      }
      let verified = try LedgerVerifier(directory: "\(scratch)/ledger").verify()
      #expect(verified.head.hash.hex == vectors.blocks.last?.hash && verified.entries == 10 && verified.epochs == 3)
    }
  }

  private func bytes(_ hex: String) -> [UInt8] { Hex.bytes(hex) ?? [] }
}

private struct Vectors: Decodable {
  let keys: [Key]
  let merkle: [Tree]
  let network: String
  let chain: String
  let blocks: [BlockVector]
  /// The height that what is offered must follow.
  let after: Int
  let offered: [Offer]

  struct Key: Decodable {
    let name: String
    let seed: String
    let `public`: String
  }

  struct Tree: Decodable {
    let leaves: [String]
    let root: String
  }

  struct Offer: Decodable {
    let about: String
    /// nil: it is a good one.
    let fault: String?
    let encoded: String
  }
}

private struct BlockVector: Decodable {
  let about: String
  let height: UInt64
  let epoch: UInt64
  let time: UInt64
  let previous: String
  let merkleRoot: String
  let producer: String
  let entries: [String]
  let preimage: String
  let hash: String
  let signature: String
  let encoded: String

  func matches(_ block: Block) -> Bool {
    block.height == height && block.epoch == epoch && block.time == time && block.previous.hex == previous
      && block.merkleRoot.hex == merkleRoot && Hex.text(block.producer) == producer
      && block.entries.map { Hex.text($0) } == entries && block.hash.hex == hash
      && Hex.text(block.signature) == signature
  }
}
