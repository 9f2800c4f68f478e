import CSodium
import Crypto
import CryptoExtras
import Foundation
import GoudCore

/// A repository's master key, and the box that it makes: restic's design document, "Keys, Encryption and MAC".
///
/// ```
/// box = IV(16) ‖ AES-256-CTR(encrypt, IV, plain) ‖ Poly1305-AES(k, r, IV, ciphertext)(16)
/// ```
///
/// Never shown: no description holds a byte of it.
public struct RepositoryKey: Sendable {
  /// What a box is longer than what is in it.
  public static let overhead = 32
  /// Bytes of a key: encrypt 32, k 16, r 16.
  static let count = 64

  private let encryption: SymmetricKey
  private let k: SymmetricKey
  /// As stored: Poly1305 itself clears the bits that it does not use.
  private let r: SymmetricKey

  /// A new key, from the system's random numbers.
  public static func random() -> RepositoryKey {
    RepositoryKey(
      encryption: SymmetricKey(size: .bits256), k: SymmetricKey(size: .bits128), r: SymmetricKey(size: .bits128))
  }

  private init(encryption: SymmetricKey, k: SymmetricKey, r: SymmetricKey) {
    (self.encryption, self.k, self.r) = (encryption, k, r)
  }

  /// - Parameter bytes: encrypt ‖ k ‖ r; nil unless they are 64 and none of the three is all zero.
  init?(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count == Self.count else { return nil }
    let parts = [bytes[..<32], bytes[32..<48], bytes[48...]]
    guard parts.allSatisfy({ $0.contains { $0 != 0 } }) else { return nil }
    self.init(
      encryption: SymmetricKey(data: Data(parts[0])), k: SymmetricKey(data: Data(parts[1])),
      r: SymmetricKey(data: Data(parts[2])))
  }

  /// encrypt ‖ k ‖ r.
  var bytes: [UInt8] { [encryption, k, r].flatMap { $0.withUnsafeBytes { Array($0) } } }

  // MARK: Boxes

  /// Seals `plain` with a new IV.
  public func seal(_ plain: [UInt8]) -> [UInt8] { plain.withUnsafeBytes { seal($0) } }

  /// Seals `plain` with a new IV; 32 bytes longer.
  /// - Parameter spare: how much may be appended to the result without its being copied.
  public func seal(_ plain: UnsafeRawBufferPointer, spare: Int = 0) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: plain.count + Self.overhead + spare) { buffer, used in
      let box = UnsafeMutableRawBufferPointer(
        UnsafeMutableBufferPointer(rebasing: buffer[..<(plain.count + Self.overhead)]))
      LargeBuffer.prepare(box)
      let iv = Self.newIV()
      withUnsafeBytes(of: iv.bigEndian) { box.copyBytes(from: $0) }
      var mac = MAC(key: macKey(iv))
      let body = UnsafeMutableRawBufferPointer(rebasing: box[16..<16 + plain.count])
      crypt(plain, into: body, iv: iv) { mac.update($0) }
      mac.final(into: UnsafeMutableRawBufferPointer(rebasing: box[(16 + plain.count)...]))
      used = plain.count + Self.overhead
    }
  }

  /// What is in a box, proven by its MAC before it is decrypted.
  /// - Throws: `repository.damaged`.
  public func open(_ box: [UInt8]) throws -> [UInt8] { try box.withUnsafeBytes { try open($0) } }

  /// What is in a box, proven by its MAC before it is decrypted.
  /// - Throws: `repository.damaged`.
  public func open(_ box: UnsafeRawBufferPointer) throws -> [UInt8] {
    guard let plain = openIfGenuine(box) else {
      throw GoudError(
        .repositoryDamaged, "\(ByteCount(box.count)) of ciphertext are not what this repository's key sealed",
        hint: "find what is damaged with goud repo check --read-data")
    }
    return plain
  }

  /// The same; nil when it is not a box of this key.
  func openIfGenuine(_ box: UnsafeRawBufferPointer) -> [UInt8]? {
    guard box.count >= Self.overhead else { return nil }
    let iv = UInt128(bigEndian: box.loadUnaligned(as: UInt128.self))
    let body = UnsafeRawBufferPointer(rebasing: box[16..<box.count - 16])
    var mac = MAC(key: macKey(iv))
    mac.update(body)
    guard mac.isEqual(to: UnsafeRawBufferPointer(rebasing: box[(box.count - 16)...])) else { return nil }
    return [UInt8](unsafeUninitializedCapacity: body.count) { buffer, used in
      let plain = UnsafeMutableRawBufferPointer(buffer)
      LargeBuffer.prepare(plain)
      crypt(body, into: plain, iv: iv) { _ in }
      used = body.count
    }
  }

  /// What is in a box, piece by piece, before it is known whether the box is genuine: for those who take nothing from it
  /// until then.
  /// - Returns: whether it is.
  func unseal(_ box: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void) -> Bool {
    guard box.count >= Self.overhead else { return false }
    let iv = UInt128(bigEndian: box.loadUnaligned(as: UInt128.self))
    let content = UnsafeRawBufferPointer(rebasing: box[16..<box.count - 16])
    var mac = MAC(key: macKey(iv))
    var done = 0
    while done < content.count {
      let count = min(Self.piece, content.count - done)
      let piece = UnsafeRawBufferPointer(rebasing: content[done..<done + count])
      mac.update(piece)
      crypt(piece, iv: iv, at: done, body)
      done += count
    }
    return mac.isEqual(to: UnsafeRawBufferPointer(rebasing: box[(box.count - 16)...]))
  }

  // MARK: Parts

  /// Poly1305-AES: r ‖ AES-128(k, IV).
  private func macKey(_ iv: UInt128) -> [UInt8] {
    var nonce = withUnsafeBytes(of: iv.bigEndian) { Array($0) }
    do {
      try AES.permute(&nonce, key: k)
    } catch {
      fatalError("AES refuses 16 bytes and a key of 128 bits: \(error)")
    }
    return r.withUnsafeBytes { Array($0) } + nonce
  }

  /// AES-256-CTR with a counter of 128 bits, in pieces that stay in the processor's cache, because the library's call
  /// gives a new buffer each time.
  private func crypt(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer, iv: UInt128,
    _ body: (UnsafeRawBufferPointer) -> Void
  ) {
    var done = 0
    while done < input.count {
      let count = min(Self.piece, input.count - done)
      crypt(UnsafeRawBufferPointer(rebasing: input[done..<done + count]), iv: iv, at: done) { piece in
        let target = UnsafeMutableRawBufferPointer(rebasing: output[done..<done + count])
        target.copyMemory(from: piece)
        body(UnsafeRawBufferPointer(target))
      }
      done += count
    }
  }

  /// - Parameter offset: where `piece` begins in what is behind the IV; a multiple of 16.
  private func crypt(
    _ piece: UnsafeRawBufferPointer, iv: UInt128, at offset: Int, _ body: (UnsafeRawBufferPointer) -> Void
  ) {
    let counter = withUnsafeBytes(of: (iv &+ UInt128(offset / 16)).bigEndian) { Array($0) }
    do {
      try AES._CTR.encrypt(piece, using: encryption, nonce: AES._CTR.Nonce(nonceBytes: counter)).withUnsafeBytes(body)
    } catch {
      fatalError("AES refuses a nonce of 16 bytes and a key of 256 bits: \(error)")
    }
  }

  /// A multiple of 16, and below what malloc gives back to the system each time.
  private static let piece = 64 << 10

  private static func newIV() -> UInt128 {
    while true {
      let iv = UInt128.random(in: .min ... .max)
      if iv != 0 { return iv }
    }
  }
}

/// Poly1305 over a stream, by libsodium.
private struct MAC {
  /// libsodium chooses its fastest code when it is started.
  private static let isReady = sodium_init() >= 0

  private var state = crypto_onetimeauth_poly1305_state()

  init(key: [UInt8]) {
    precondition(Self.isReady && key.count == 32)
    crypto_onetimeauth_poly1305_init(&state, key)
  }

  mutating func update(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress else { return }
    crypto_onetimeauth_poly1305_update(&state, base.assumingMemoryBound(to: UInt8.self), UInt64(bytes.count))
  }

  mutating func final(into tag: UnsafeMutableRawBufferPointer) {
    precondition(tag.count == 16)
    crypto_onetimeauth_poly1305_final(&state, tag.baseAddress!.assumingMemoryBound(to: UInt8.self))
  }

  /// In constant time.
  mutating func isEqual(to tag: UnsafeRawBufferPointer) -> Bool {
    withUnsafeTemporaryAllocation(byteCount: 16, alignment: 16) { own in
      final(into: own)
      return sodium_memcmp(own.baseAddress!, tag.baseAddress!, 16) == 0
    }
  }
}
