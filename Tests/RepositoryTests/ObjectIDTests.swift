import Repository
import Testing

@Suite struct ObjectIDTests {
  @Test func anIdentifierIsTheDigestOfItsBytes() throws {
    // FIPS 180-2, appendix B.1.
    let id = ObjectID(sha256Of: Array("abc".utf8))
    #expect(id.hex == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(ObjectID(hex: id.hex) == id)
    #expect(ObjectID(id.bytes) == id)
    #expect(id.short == "ba7816bf")
  }

  @Test(arguments: ["", "ab", String(repeating: "A", count: 64), String(repeating: "a", count: 66)])
  func whatIsNoIdentifierIsNil(_ text: String) {
    #expect(ObjectID(hex: text) == nil)
  }

  @Test func identifiersAreOrderedAsTheirBytes() throws {
    let low = try #require(ObjectID([0, 255] + [UInt8](repeating: 9, count: 30)))
    let high = try #require(ObjectID([1, 0] + [UInt8](repeating: 0, count: 30)))
    #expect(low < high)
    #expect(low != high)
  }
}
