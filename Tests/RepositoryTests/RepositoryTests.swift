import BlobStore
import Foundation
import GoudCore
import Layout
import TestSupport
import Testing

@testable import Repository

@Suite struct RepositoryTests {
  @Test(arguments: Restic.allCases) func resticOpensWhatGoudCreates(_ restic: Restic) async throws {
    try await Place.make(with: restic) { place in
      let made = try place.create()
      let config = try JSONDecoder().decode(
        [String: Config].self, from: Data("{\"c\":\(try await place.sound("cat", "config"))}".utf8))
      #expect(config["c"]?.version == 2)
      #expect(config["c"]?.id == made.config.id.hex)
      try await place.judge()
      #expect(try place.open().config == made.config)
    }
  }

  private struct Config: Decodable {
    let version: Int
    let id: String
  }

  @Test(arguments: Restic.allCases) func goudOpensWhatResticCreates(_ restic: Restic) async throws {
    try await Place.make(with: restic) { place in
      try await place.sound("init", "--repository-version", "2")
      let repository = try place.open()
      #expect(try await place.sound("cat", "config").contains(repository.config.id.hex))
    }
  }

  @Test func aRepositoryIsNotMadeTwice() async throws {
    try await Place.make { place in
      try place.create()
      let before = try place.files("keys")
      let error = failure { try place.create() }
      #expect(error?.code == .repositoryExists)
      #expect(try place.files("keys") == before)
    }
  }

  @Test func keysWithoutAConfigAreNoPlaceForANewOne() async throws {
    try await Place.make { place in
      try place.create()
      try place.remove("\(place.location)/config")
      let error = failure { try place.create() }
      #expect(error?.code == .repositoryExists)
      #expect(failure { try place.open() }?.code == .repositoryDamaged)
    }
  }

  @Test func nothingIsMissing() async throws {
    try await Place.make { place in
      #expect(failure { try place.open() }?.code == .repositoryMissing)
    }
  }

  @Test func aWrongPasswordIsSaid() async throws {
    try await Place.make { place in
      try place.create()
      let error = failure { try place.open("another") }
      #expect(error?.code == .repositoryWrongPassword)
      #expect(error?.hint != nil)
    }
  }

  @Test func anEmptyPasswordIsRefused() async throws {
    try await Place.make { place in
      #expect(failure { try Repository.create(place.store, password: "", cost: Place.cost) }?.code == .usage)
      let objects = try place.store.list(in: "", deep: true)
      #expect(objects.isEmpty)
    }
  }

  @Test func versionOneIsRefusedByName() async throws {
    try await Place.make { place in
      try await place.sound("init", "--repository-version", "1")
      let error = failure { try place.open() }
      #expect(error?.code == .repositoryUnsupported)
      #expect(error?.message.contains("version 1") == true)
      #expect(error?.hint?.contains("upgrade_repo_v2") == true)
    }
  }

  @Test func versionThreeIsRefusedByName() async throws {
    try await Place.make { place in
      let repository = try place.create()
      let json = String(decoding: try repository.config.json, as: UTF8.self)
      try place.replaceConfig(repository, json.replacingOccurrences(of: #""version":2"#, with: #""version":3"#))
      let error = failure { try place.open() }
      #expect(error?.code == .repositoryUnsupported)
      #expect(error?.message.contains("version 3") == true)
      #expect(try await place.restic("cat", "config").status != 0)
    }
  }

  @Test(arguments: ["", "3da3358b4dc172"])
  func aPolynomialThatResticRefusesIsDamage(_ polynomial: String) async throws {
    try await Place.make { place in
      let repository = try place.create()
      let json = String(decoding: try repository.config.json, as: UTF8.self)
      try place.replaceConfig(
        repository, json.replacingOccurrences(of: repository.config.polynomial.hex, with: polynomial))
      #expect(failure { try place.open() }?.code == .repositoryDamaged)
      #expect(try await place.restic("cat", "config").status != 0)
    }
  }

  @Test func unknownFieldsOfAConfigAreNothing() async throws {
    try await Place.make { place in
      let repository = try place.create()
      let json = String(decoding: try repository.config.json, as: UTF8.self)
      try place.replaceConfig(repository, #"{"append_only":true,"# + json.dropFirst())
      #expect(try place.open().config == repository.config)
    }
  }

  @Test(arguments: [0, 40, -1])
  func aConfigThatChangedIsDamage(_ offset: Int) async throws {
    try await Place.make { place in
      try place.create()
      try place.flip("\(place.location)/config", at: offset)
      #expect(failure { try place.open() }?.code == .repositoryDamaged)
    }
  }

  @Test(arguments: [10, -20])
  func aKeyThatChangedIsDamageAndNoWrongPassword(_ offset: Int) async throws {
    try await Place.make { place in
      try place.create()
      try place.flip(try #require(try place.files("keys").first), at: offset)
      #expect(failure { try place.open() }?.code == .repositoryDamaged)
    }
  }

  @Test func aKeyThatWouldTakeAllMemoryIsRefused() async throws {
    try await Place.make { place in
      let repository = try place.create()
      var json = String(decoding: try Repository.keyFile(repository.keyID, in: place.store).json, as: UTF8.self)
      json = json.replacingOccurrences(of: #""N":1024"#, with: #""N":1073741824"#)
      try place.remove(try #require(try place.files("keys").first))
      try place.store.put(Array(json.utf8), as: "keys/\(ObjectID(sha256Of: Array(json.utf8)))")
      #expect(failure { try place.open() }?.code == .repositoryUnsupported)
    }
  }

  @Test func whatIsNotOfTheFormatIsPassedOver() async throws {
    try await Place.make { place in
      let repository = try place.create()
      for name in ["tail/x/1", "index/not-hex", "data/aa/junk", "keys/readme", "goud/record"] {
        try place.store.put([1, 2, 3], as: name)
      }
      #expect(try place.open().config == repository.config)
      #expect(try repository.list(.data).isEmpty)
      #expect(try repository.loadIndex().blobCount == 0)
      try await place.judge()
    }
  }
}

extension Place {
  fileprivate func replaceConfig(_ repository: Repository, _ json: String) throws {
    try store.delete("config")
    try store.put(repository.key.seal(Array(json.utf8)), as: "config")
  }
}
