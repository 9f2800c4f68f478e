import Foundation
import GoudCore

/// What makes a repository this one: the object `config`, a box that is never compressed.
public struct RepositoryConfig: Sendable, Equatable {
  /// The only version that Goud reads and writes.
  public static let version = 2

  /// 64 random hexadecimal digits, for ever the same.
  public let id: ObjectID
  let polynomial: Polynomial

  /// A new one.
  static func random() -> RepositoryConfig {
    RepositoryConfig(
      id: ObjectID((0..<ObjectID.count).map { _ in UInt8.random(in: .min ... .max) })!, polynomial: .random())
  }

  private struct JSON: Codable {
    let version: Int
    let id: String
    let chunkerPolynomial: String

    enum CodingKeys: String, CodingKey {
      case version, id
      case chunkerPolynomial = "chunker_polynomial"
    }
  }

  private struct Version: Decodable {
    let version: Int
  }

  var json: [UInt8] {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = .sortedKeys
      return Array(
        try encoder.encode(JSON(version: Self.version, id: id.hex, chunkerPolynomial: polynomial.hex)))
    }
  }

  private init(id: ObjectID, polynomial: Polynomial) {
    self.id = id
    self.polynomial = polynomial
  }

  /// - Throws: `repository.unsupported` for another version, `repository.damaged` for what is no configuration.
  init(json: [UInt8]) throws {
    func damaged(_ why: String, _ cause: (any Error)? = nil) -> GoudError {
      GoudError(.repositoryDamaged, "the repository's config \(why)", cause: cause)
    }
    do {
      let version = try JSONDecoder().decode(Version.self, from: Data(json)).version
      guard version == Self.version else { throw Self.unsupported(version) }
      let read = try JSONDecoder().decode(JSON.self, from: Data(json))
      guard let id = ObjectID(hex: read.id) else { throw damaged("has no identifier") }
      guard let polynomial = Polynomial(hex: read.chunkerPolynomial), polynomial.isIrreducible else {
        throw damaged("has a chunker polynomial that is not irreducible")
      }
      self.init(id: id, polynomial: polynomial)
    } catch let error as DecodingError {
      throw damaged("cannot be read", error)
    }
  }

  private static func unsupported(_ version: Int) -> GoudError {
    GoudError(
      .repositoryUnsupported, "the repository has version \(version) of the format; Goud knows version 2",
      hint: version == 1
        ? "bring it to version 2 with: restic migrate upgrade_repo_v2" : "use the program that made it",
      context: ["version": "\(version)"])
  }
}
