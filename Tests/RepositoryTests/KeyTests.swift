import GoudCore
import TestSupport
import Testing

@testable import Repository

@Suite struct KeyTests {
  @Test(arguments: Restic.allCases) func aSecondPasswordOpensTheSame(_ restic: Restic) async throws {
    try await Place.make(with: restic) { place in
      let repository = try place.create()
      let id = try repository.addKey(password: "second", cost: Place.cost)
      let other = try place.open("second")
      #expect(other.config == repository.config)
      #expect(other.keyID == id)
      #expect(try place.open().keyID == repository.keyID)
      try await place.sound("cat", "config", password: "second")
      #expect(try await place.sound("key", "list").contains(id.short))
      let listed = try repository.keys()
      #expect(Set(listed.map(\.id)) == [id, repository.keyID])
      #expect(listed.filter(\.isInUse).map(\.id) == [repository.keyID])
    }
  }

  @Test func aKeyIsTakenAwayButNeverTheLastNorTheOneInUse() async throws {
    try await Place.make { place in
      let repository = try place.create()
      #expect(failure { try repository.removeKey(repository.keyID) }?.code == .repositoryKeyNeeded)
      let id = try repository.addKey(password: "second", cost: Place.cost)
      #expect(failure { try repository.removeKey(repository.keyID) }?.code == .repositoryKeyNeeded)
      try repository.removeKey(id)
      #expect(failure { try place.open("second") }?.code == .repositoryWrongPassword)
      #expect(failure { try repository.removeKey(id) }?.code == .repositoryNotFound)
      try place.open()
      #expect(try place.files("locks").isEmpty)
    }
  }

  @Test func aNewPasswordTakesThePlaceOfTheOld() async throws {
    try await Place.make { place in
      let repository = try place.create()
      let id = try repository.changePassword(to: "new", cost: Place.cost)
      #expect(repository.keyID == id)
      #expect(failure { try place.open() }?.code == .repositoryWrongPassword)
      #expect(try place.open("new").config == repository.config)
      try await place.sound("cat", "config", password: "new")
      #expect(try place.files("keys").count == 1)
    }
  }

  @Test func noKeyChangesWhileOthersAreAtWork() async throws {
    try await Place.make { place in
      let repository = try place.create()
      let id = try repository.addKey(password: "second", cost: Place.cost)
      let lock = try repository.lock(exclusive: false, settle: 0)
      #expect(failure { try repository.removeKey(id) }?.code == .repositoryLocked)
      #expect(failure { try repository.changePassword(to: "x", cost: Place.cost) }?.code == .repositoryLocked)
      try lock.release()
      try place.open("second")
      try place.open()
    }
  }
}
