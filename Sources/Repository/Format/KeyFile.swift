import Crypto
import CryptoExtras
import Foundation
import GoudCore

/// A master key locked with a password: what lies in `keys/`, as plain JSON (restic's design document, "Keys").
public struct KeyFile: Sendable, Equatable {
  /// What it costs to try a password, in scrypt's terms (RFC 7914): memory is 128 · N · r bytes, time grows with N · r · p.
  public struct Cost: Sendable, Equatable {
    /// N; a power of two.
    public var rounds: Int
    /// r.
    public var blockSize: Int
    /// p.
    public var parallelism: Int

    public init(rounds: Int, blockSize: Int = 8, parallelism: Int = 1) {
      self.rounds = rounds
      self.blockSize = blockSize
      self.parallelism = parallelism
    }

    /// 32 MiB, about 0.1 s.
    public static let standard = Cost(rounds: 1 << 15)

    /// Whoever writes a key file decides what it costs to open; more than 2 GiB or a minute is no key of restic's.
    var isReasonable: Bool {
      rounds >= 2 && rounds & (rounds - 1) == 0 && rounds <= 1 << 24 && (1...16).contains(blockSize)
        && (1...64).contains(parallelism) && rounds * blockSize * 128 <= 2 << 30
        && rounds * blockSize * parallelism <= 1 << 28
    }
  }

  public let created: String
  public let username: String
  public let hostname: String
  let cost: Cost
  let salt: [UInt8]
  /// The box around the master key.
  let data: [UInt8]

  /// Locks `key` with `password`.
  static func make(
    _ key: RepositoryKey, password: String, cost: Cost, owner: Owner, at time: Date
  ) throws -> KeyFile {
    let salt = (0..<64).map { _ in UInt8.random(in: .min ... .max) }
    let user = try derive(password, cost: cost, salt: salt)
    let master = key.bytes
    let json = MasterJSON(
      mac: .init(k: Data(master[32..<48]), r: Data(master[48...])), encrypt: Data(master[..<32]))
    return KeyFile(
      created: RFC3339.text(time), username: owner.username, hostname: owner.hostname, cost: cost, salt: salt,
      data: user.seal(Array(try JSONEncoder().encode(json))))
  }

  /// - Returns: nil when `password` is not the one.
  func open(_ password: String) throws -> RepositoryKey? {
    guard let plain = data.withUnsafeBytes(try Self.derive(password, cost: cost, salt: salt).openIfGenuine) else {
      return nil
    }
    guard let json = try? JSONDecoder().decode(MasterJSON.self, from: Data(plain)),
      json.encrypt.count == 32, json.mac.k.count == 16, json.mac.r.count == 16,
      let key = Array(json.encrypt + json.mac.k + json.mac.r).withUnsafeBytes(RepositoryKey.init)
    else { throw GoudError(.repositoryDamaged, "a key of the repository holds no master key") }
    return key
  }

  private static func derive(_ password: String, cost: Cost, salt: [UInt8]) throws -> RepositoryKey {
    guard !password.isEmpty else {
      throw GoudError(.usage, "the repository's password is empty", hint: "give one with --password-file")
    }
    let derived = try KDF.Scrypt.deriveKey(
      from: Array(password.utf8), salt: salt, outputByteCount: RepositoryKey.count, rounds: cost.rounds,
      blockSize: cost.blockSize, parallelism: cost.parallelism)
    guard let key = derived.withUnsafeBytes(RepositoryKey.init) else {
      throw GoudError(.internalFault, "scrypt gave a key of zeros")
    }
    return key
  }

  private struct MasterJSON: Codable {
    struct MAC: Codable {
      let k: Data
      let r: Data
    }
    let mac: MAC
    let encrypt: Data
  }
}

// MARK: JSON

extension KeyFile {
  private struct JSON: Codable {
    var created: String?
    var username: String?
    var hostname: String?
    let kdf: String
    let rounds: Int
    let blockSize: Int
    let parallelism: Int
    let salt: Data
    let data: Data

    enum CodingKeys: String, CodingKey {
      case created, username, hostname, kdf, salt, data
      case rounds = "N"
      case blockSize = "r"
      case parallelism = "p"
    }
  }

  var json: [UInt8] {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      return Array(
        try encoder.encode(
          JSON(
            created: created, username: username, hostname: hostname, kdf: "scrypt",
            rounds: cost.rounds, blockSize: cost.blockSize, parallelism: cost.parallelism, salt: Data(salt),
            data: Data(data))))
    }
  }

  /// - Throws: `repository.damaged`, `repository.unsupported`.
  init(json: [UInt8]) throws {
    let read: JSON
    do {
      read = try JSONDecoder().decode(JSON.self, from: Data(json))
    } catch {
      throw GoudError(.repositoryDamaged, "a key of the repository cannot be read", cause: error)
    }
    let cost = Cost(rounds: read.rounds, blockSize: read.blockSize, parallelism: read.parallelism)
    guard read.kdf == "scrypt", cost.isReasonable, read.salt.count == 64 else {
      throw GoudError(
        .repositoryUnsupported,
        "a key of the repository is made by \(read.kdf) with N=\(read.rounds), r=\(read.blockSize), "
          + "p=\(read.parallelism) and a salt of \(read.salt.count) bytes")
    }
    self.init(
      created: read.created ?? "", username: read.username ?? "", hostname: read.hostname ?? "", cost: cost,
      salt: Array(read.salt), data: Array(read.data))
  }
}
