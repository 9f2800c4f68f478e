import Foundation
import GoudCore
import Testing

@testable import Repository

@Suite struct BoxTests {
  @Test(arguments: [0, 1, 15, 16, 17, 65_535, 65_536, 65_537, 1_000_003])
  func whatWasSealedOpens(_ count: Int) throws {
    let key = RepositoryKey.random()
    let plain = noise(count)
    let box = key.seal(plain)
    #expect(box.count == count + RepositoryKey.overhead)
    #expect(try key.open(box) == plain)
    var pieces: [UInt8] = []
    #expect(box.withUnsafeBytes { key.unseal($0) { pieces += $0 } })
    #expect(pieces == plain)
    #expect(key.seal(plain) != box)
  }

  /// The counter carries over all of its 128 bits, as Go's does, and also where one piece of the work ends.
  @Test func theCounterCarries() throws {
    let key = try key(k: "01", r: "02", encryption: "03")
    let body = noise(200_000)
    let whole = decrypted(key, iv: [UInt8](repeating: 0xff, count: 16), body)
    let later = decrypted(key, iv: [UInt8](repeating: 0, count: 16), Array(body[16...]))
    #expect(Array(whole[16...]) == later)
  }

  /// NIST SP 800-38A, F.5.6: CTR-AES256.Decrypt.
  @Test func theCipherIsThatOfTheStandard() throws {
    let key = try key(
      k: "01", r: "02", encryption: "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
    let iv = try #require(Hex.bytes("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"))
    let body = try #require(Hex.bytes("601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5"))
    #expect(
      Hex.text(decrypted(key, iv: iv, body)) == "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51")
  }

  /// Bernstein, The Poly1305-AES message-authentication code (2005), appendix B.
  @Test(arguments: [
    [
      "851fc40c3467ac0be05cc20404f3f700", "ec074c835580741701425b623235add6", "fb447350c4e868c52ac3275cf9d4327e",
      "f3f6", "f4c633c3044fc145f84f335cb81953de",
    ],
    [
      "48443d0bb0d21109c89a100b5ce2c208", "6acb5f61a7176dd320c5c1eb2edcdc74", "ae212a55399729595dea458bc621ff0e",
      "663cea190ffb83d89593f3f476b6bc24d7e679107ea26adb8caf6652d0656136", "0ee1c16bb73f0f4fd19881753c01cdbe",
    ],
  ])
  func theTagIsThatOfThePaper(_ vector: [String]) throws {
    let key = try key(k: vector[1], r: vector[0], encryption: "03")
    let box = try #require(Hex.bytes(vector[2] + vector[3] + vector[4]))
    #expect(box.withUnsafeBytes { key.unseal($0) { _ in } })
    #expect(box.withUnsafeBytes(key.openIfGenuine) != nil)
  }

  @Test func oneBitAnywhereIsSeen() throws {
    let key = RepositoryKey.random()
    let box = key.seal(noise(100))
    for place in box.indices {
      var damaged = box
      damaged[place] ^= 1 << (place % 8)
      let error = #expect(throws: GoudError.self) { try key.open(damaged) }
      #expect(error?.code == .repositoryDamaged)
      #expect(!damaged.withUnsafeBytes { key.unseal($0) { _ in } })
    }
  }

  @Test(arguments: [0, 1, 16, 31, 32, 131])
  func aBoxThatIsCutIsSeen(_ count: Int) throws {
    let key = RepositoryKey.random()
    let box = key.seal(noise(100))
    let error = #expect(throws: GoudError.self) { try key.open(Array(box[..<count])) }
    #expect(error?.code == .repositoryDamaged)
  }

  @Test func anotherKeyOpensNothing() throws {
    let box = RepositoryKey.random().seal(noise(100))
    let error = #expect(throws: GoudError.self) { try RepositoryKey.random().open(box) }
    #expect(error?.code == .repositoryDamaged)
  }

  @Test func noDescriptionShowsAKey() {
    let key = RepositoryKey.random()
    #expect(!"\(key)".contains(Hex.text(key.bytes.prefix(4))))
  }

  /// - Parameters: hexadecimal, filled up with zeros.
  private func key(k: String, r: String, encryption: String) throws -> RepositoryKey {
    let parts = [(encryption, 32), (k, 16), (r, 16)].map { text, count in
      (Hex.bytes(text) ?? []) + [UInt8](repeating: 0, count: count - text.count / 2)
    }
    return try #require(parts.flatMap { $0 }.withUnsafeBytes(RepositoryKey.init))
  }

  /// What comes of `body`, whatever its tag would have to be.
  private func decrypted(_ key: RepositoryKey, iv: [UInt8], _ body: [UInt8]) -> [UInt8] {
    var plain: [UInt8] = []
    _ = (iv + body + [UInt8](repeating: 0, count: 16)).withUnsafeBytes { key.unseal($0) { plain += $0 } }
    return plain
  }
}
