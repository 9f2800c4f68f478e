import Crypto
import Foundation
import GoudCore
import TestSupport
import Testing

@testable import Node

@Suite struct APIKeyTests {
  @Test func aKeyReadsBackFromItsText() throws {
    let key = APIKey()
    #expect(key.text.utf8.count == 77 && key.text.hasPrefix("goud_"))
    #expect(try APIKey(key.text).bytes == key.bytes)
    #expect(key.bytes.count == 32 && key.bytes != APIKey().bytes)
  }

  /// The digits of docs/api.md.
  @Test func theTextOfAKnownKeyIsFixed() {
    let key = APIKey(bytes: Array(0..<32))
    let digits = Hex.text(SHA256.hash(data: Array("goud api key v1".utf8) + Array(0..<32))).prefix(8)
    #expect(key.text == "goud_000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\(digits)")
    #expect(key.hash == Array(SHA256.hash(data: Array(key.text.utf8))))
  }

  @Test func everySlipIsFound() throws {
    let text = APIKey(bytes: Array(0..<32)).text
    var wrong = [
      "", "goud_", text + "0", String(text.dropLast()), String(text.dropFirst()), text.uppercased(), " " + text,
    ]
    var previous: String.Index?
    for index in text.indices.dropFirst(5) {
      wrong.append(text.replacingCharacters(in: index...index, with: text[index] == "7" ? "8" : "7"))
      if let previous, text[previous] != text[index] {
        wrong.append(text.replacingCharacters(in: previous...index, with: "\(text[index])\(text[previous])"))
      }
      previous = index
    }
    for text in wrong {
      #expect(throws: GoudError.self, "\(text)") { try APIKey(text) }
    }
  }
}

@Suite struct EntryKeyTests {
  private let account = [UInt8](repeating: 1, count: 16)
  private let entry = [UInt8](repeating: 2, count: 16)
  private let secret = APIKey()

  @Test func whatIsSealedOpensAgain() throws {
    let key = EntryKey(secret, account: account)
    for text in ["", "hello", String(repeating: "ü", count: 5000)] {
      let sealed = try key.seal(text.utf8, .payload, entry: entry)
      #expect(sealed.count == text.utf8.count + 28)
      #expect(try key.open(sealed, .payload, entry: entry) == Array(text.utf8))
      #expect(try key.seal(text.utf8, .payload, entry: entry) != sealed)
    }
  }

  @Test func itOpensNowhereElse() throws {
    let key = EntryKey(secret, account: account)
    let sealed = try key.seal("hello".utf8, .payload, entry: entry)
    let other = [UInt8](repeating: 3, count: 16)
    #expect(throws: GoudError.self) { try key.open(sealed, .label, entry: entry) }
    #expect(throws: GoudError.self) { try key.open(sealed, .payload, entry: other) }
    #expect(throws: GoudError.self) { try EntryKey(secret, account: other).open(sealed, .payload, entry: entry) }
    #expect(throws: GoudError.self) { try EntryKey(APIKey(), account: account).open(sealed, .payload, entry: entry) }
  }

  @Test func aFlippedBitAnywhereIsFound() throws {
    let key = EntryKey(secret, account: account)
    let sealed = try key.seal("hello".utf8, .payload, entry: entry)
    for bit in 0..<sealed.count * 8 {
      var damaged = sealed
      damaged[bit / 8] ^= 1 << (bit % 8)
      #expect(throws: GoudError.self) { try key.open(damaged, .payload, entry: entry) }
    }
    for count in 0..<sealed.count {
      #expect(throws: GoudError.self) { try key.open(Array(sealed.prefix(count)), .payload, entry: entry) }
    }
  }
}

@Suite struct SessionsTests {
  private func sessions(_ clock: Counter, secrets: NodeSecrets? = nil) async throws -> Sessions {
    let secrets = try secrets ?? NodeSecrets.inMemory()
    return await Sessions(secrets, now: { clock.value })
  }

  private func code(_ sessions: Sessions, _ token: String) async -> ErrorCode? {
    do {
      _ = try await sessions.session(token[...]) { _ in }
      return nil
    } catch {
      return (error as? GoudError)?.code
    }
  }

  private let account = [UInt8](repeating: 7, count: 16)

  @Test func aTokenBringsBackTheAccountAndItsKey() async throws {
    let sessions = try await sessions(Counter(1000))
    let key = APIKey()
    let session = try await sessions.session(try await sessions.issue(key, account: account)[...]) { _ in }
    #expect(session.account == account && session.expires == 4600)
    let sealed = try session.key.seal("x".utf8, .label, entry: account)
    #expect(try EntryKey(key, account: account).open(sealed, .label, entry: account) == Array("x".utf8))
  }

  @Test func noTokenOfReplacedSecretsIsGoodAndThoseOfTheNewOnesAre() async throws {
    let sessions = try await sessions(Counter(1000))
    let seen = try await sessions.issue(APIKey(), account: account)
    let unseen = try await sessions.issue(APIKey(), account: account)
    #expect(await code(sessions, seen) == nil)
    await sessions.replace(with: try NodeSecrets.inMemory())
    #expect(await code(sessions, seen) == .tokenInvalid, "also one that was remembered")
    #expect(await code(sessions, unseen) == .tokenInvalid)
    #expect(await code(sessions, try await sessions.issue(APIKey(), account: account)) == nil)
  }

  @Test func aTokenThatIsCheckedWhileTheSecretsChangeIsNotRemembered() async throws {
    let sessions = try await sessions(Counter(1000))
    let token = try await sessions.issue(APIKey(), account: account)
    _ = try await sessions.session(token[...]) { _ in await sessions.replace(with: try NodeSecrets.inMemory()) }
    #expect(await code(sessions, token) == .tokenInvalid)
  }

  @Test func aTokenShowsNothingOfTheKey() async throws {
    let key = APIKey()
    let token = try await sessions(Counter(0)).issue(key, account: account)
    let claims = token.split(separator: ".")[1]
    let padded = claims.replacingOccurrences(of: "-", with: "+").replacingOccurrences(of: "_", with: "/")
    let text = try #require(Data(base64Encoded: padded + String(repeating: "=", count: (4 - claims.count % 4) % 4)))
    #expect(!String(decoding: text, as: UTF8.self).contains(Hex.text(key.bytes)))
    #expect(text.range(of: Data(key.bytes)) == nil)
    #expect(!String(decoding: text, as: UTF8.self).contains(Data(key.bytes).base64EncodedString()))
  }

  @Test func aTokenEndsAfterItsHourWhetherRememberedOrNot() async throws {
    let clock = Counter(1000)
    let secrets = try NodeSecrets.inMemory()
    let sessions = try await sessions(clock, secrets: secrets)
    let token = try await sessions.issue(APIKey(), account: account)
    clock.value = 4599
    #expect(await code(sessions, token) == nil)
    clock.value = 4600
    #expect(await code(sessions, token) == .tokenExpired)
    #expect(await code(try await self.sessions(clock, secrets: secrets), token) == .tokenExpired)
  }

  @Test func aTokenOfAnotherNodeIsRefusedUnlessTheyShareTheirSecrets() async throws {
    let clock = Counter(0)
    let token = try await sessions(clock).issue(APIKey(), account: account)
    #expect(await code(try await sessions(clock), token) == .tokenInvalid)
    let shared = try NodeSecrets.inMemory()
    let one = try await sessions(clock, secrets: shared)
    let two = try await sessions(clock, secrets: shared)
    #expect(await code(two, try await one.issue(APIKey(), account: account)) == nil)
  }

  @Test func everyChangedCharacterIsFound() async throws {
    let sessions = try await sessions(Counter(0))
    let token = try await sessions.issue(APIKey(), account: account)
    for index in token.indices {
      let changed = token.replacingCharacters(in: index...index, with: token[index] == "A" ? "B" : "A")
      // The last character of a part may hold bits that base64 drops; what it stands for is then the same.
      if await code(sessions, changed) != .tokenInvalid {
        let next = token.index(after: index)
        #expect(next == token.endIndex || token[next] == ".", "\(changed)")
      }
    }
  }

  @Test func whatIsNoTokenIsRefused() async throws {
    let sessions = try await sessions(Counter(0))
    // {"alg":"none"}, {"sub":…} without a signature.
    let unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiIwMCIsImlhdCI6MCwiZXhwIjo5OTk5OTk5OTk5LCJrZXkiOiIifQ."
    for token in ["", ".", "..", "a.b.c", "x", unsigned, String(repeating: "a", count: 100_000)] {
      #expect(await code(sessions, token) == .tokenInvalid, "\(token.prefix(80))")
    }
  }

  @Test func anAccountIsAskedForOncePerToken() async throws {
    let sessions = try await sessions(Counter(0))
    let token = try await sessions.issue(APIKey(), account: account)
    let asked = Counter(0)
    for _ in 1...3 { _ = try await sessions.session(token[...]) { _ in asked.value += 1 } }
    #expect(asked.value == 1)
    let other = try await sessions.issue(APIKey(), account: account)
    for _ in 1...2 {
      await #expect(throws: GoudError.self) {
        try await sessions.session(other[...]) { _ in throw GoudError(.accountUnknown, "gone") }
      }
    }
  }
}

@Suite struct BoundsTests {
  @Test func aCacheForgetsWhatWasNotAskedForAndNeverGrows() {
    var cache = BoundedCache<Int, Int>(capacity: 10)
    for number in 0..<1000 {
      cache.insert(number, for: number)
      #expect(cache.value(for: 0) == 0)
      #expect(cache.count <= 10)
    }
    #expect(cache.value(for: 500) == nil)
    #expect(cache.value(for: 999) == 999)
    cache.remove(999)
    #expect(cache.value(for: 999) == nil)
  }

  @Test func aBurstIsAllowedAndThenTheRate() throws {
    let limit = RateLimit<String>("trials", burst: 3, perSecond: 2)
    let start = ContinuousClock.now
    for _ in 1...3 { try limit.take("a", at: start) }
    do {
      try limit.take("a", at: start)
      Issue.record("a fourth was allowed")
    } catch let error as GoudError {
      #expect(error.code == .requestRate && error.context["retry-after"] == "1")
    }
    try limit.take("b", at: start)
    #expect(throws: GoudError.self) { try limit.take("a", at: start + .milliseconds(499)) }
    try limit.take("a", at: start + .milliseconds(501))
    #expect(throws: GoudError.self) { try limit.take("a", at: start + .milliseconds(502)) }
    for _ in 1...3 { try limit.take("a", at: start + .seconds(60)) }
    #expect(throws: GoudError.self) { try limit.take("a", at: start + .seconds(60)) }
  }

  @Test func aBudgetIsGivenBack() async throws {
    let budget = BodyBudget(bytes: 100, table: ConnectionTable(limit: 1))
    do {
      let one = try await budget.take(60, for: nil)
      await #expect(throws: GoudError.self) { try await budget.take(41, for: nil) }
      let two = try await budget.take(40, for: nil)
      withExtendedLifetime((one, two)) {}
    }
    _ = try await budget.take(100, for: nil)
    _ = try await budget.take(100, for: nil)
    await #expect(throws: GoudError.self) { try await budget.take(101, for: nil) }
  }

  @Test func whoNeedsBytesWaitsForThemAMoment() async throws {
    let budget = BodyBudget(bytes: 100, table: ConnectionTable(limit: 1), patience: .seconds(60))
    var held: BodyBudget.Share? = try await budget.take(60, for: nil)
    async let waiting = budget.take(60, for: nil)
    try await Task.sleep(for: .milliseconds(50))
    withExtendedLifetime(held) {}
    held = nil
    _ = try await waiting
  }

  @Test func readsBeyondTheBoundAreRefusedAndTheOthersRun() async throws {
    let pool = ReaderPool(threads: 1, waiting: 1)
    let gate = Gate()
    async let first = pool.run { gate.pass(1) }
    async let second = pool.run { gate.pass(2) }
    try await waitUntil("both to be there") { pool.calls == 2 }
    do {
      _ = try await pool.run { 3 }
      Issue.record("a third was taken")
    } catch let error as GoudError {
      #expect(error.code == .nodeBusy && error.context["retry-after"] != nil)
    }
    gate.open()
    #expect(try await first + second == 3)
    #expect(try await pool.run { 4 } == 4)
    #expect(pool.calls == 0)
  }

  @Test func oneAccountsReadsLeaveRoomForOthers() async throws {
    let pool = ReaderPool(threads: 1, waiting: 31)
    let gate = Gate()
    let crowd = Task {
      await withTaskGroup(of: Void.self) { group in
        for _ in 0..<100 { group.addTask { _ = try? await pool.run(for: [1]) { gate.pass(1) } } }
      }
    }
    // Alone it may have half of the places.
    try await waitUntil("the crowd to have what it gets") { pool.calls == 16 }
    async let other = pool.run(for: [2]) { gate.pass(2) }
    async let nobodys = pool.run { gate.pass(3) }
    try await waitUntil("the others to be let in") { pool.calls == 18 }
    await #expect(throws: GoudError.self) { try await pool.run(for: [1]) { 1 } }
    gate.open()
    #expect(try await other + nobodys == 5)
    await crowd.value
    #expect(pool.calls == 0)
  }
}
