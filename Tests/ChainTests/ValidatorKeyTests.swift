import Chain
import Foundation
import GoudCore
import TestSupport
import Testing

@Suite struct ValidatorKeyTests {
  @Test func theFileHoldsTheSeedAndNobodyElseMayReadIt() throws {
    try inTemporaryDirectory { scratch in
      let path = "\(scratch)/validator_key"
      // RFC 8032, section 7.1, test 2.
      let seed = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
      let key = try ValidatorKey(seed: Hex.bytes(seed)!)
      try key.write(to: path)
      #expect(try String(contentsOfFile: path, encoding: .utf8) == seed + "\n")
      #expect(try FileSystem.status(path)!.st_mode & 0o777 == 0o600)
      let read = try ValidatorKey(path: path)
      #expect(Hex.text(read.publicKey) == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
      #expect(ValidatorKey.verify(try read.sign([0x72]), of: [0x72], by: key.publicKey))
      #expect(throws: GoudError.self) { try ValidatorKey.generate().write(to: path) }
      #expect(try ValidatorKey(path: path).publicKey == key.publicKey)
    }
  }

  @Test(arguments: ["", "\n", "00", String(repeating: "0", count: 63), String(repeating: "g", count: 64)])
  func aMalformedKeyIsRefusedAndNotRepeated(text: String) {
    do {
      _ = try ValidatorKey(fileText: text)
      Issue.record("was taken")
    } catch {
      let error = error as? GoudError
      #expect(error?.code == .chainKeyInvalid)
      #expect(text.count < 2 || error?.description.contains(text) == false)
    }
  }

  @Test func anotherKeysSignatureIsRefused() throws {
    let key = ValidatorKey.generate()
    let signature = try key.sign([1, 2, 3])
    #expect(ValidatorKey.verify(signature, of: [1, 2, 3], by: key.publicKey))
    #expect(!ValidatorKey.verify(signature, of: [1, 2, 4], by: key.publicKey))
    #expect(!ValidatorKey.verify(signature, of: [1, 2, 3], by: ValidatorKey.generate().publicKey))
    #expect(!ValidatorKey.verify([], of: [1, 2, 3], by: key.publicKey))
    #expect(!ValidatorKey.verify(signature, of: [1, 2, 3], by: []))
  }

  @Test func theDescriptionShowsThePublicKeyOnly() {
    let key = ValidatorKey.generate()
    #expect("\(key)".contains(Hex.text(key.publicKey)))
    #expect(!"\(key)".contains(key.fileText.dropLast()))
  }
}
