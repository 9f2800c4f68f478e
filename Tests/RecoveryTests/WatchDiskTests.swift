import BlobStore
import Foundation
import GoudCore
import Repository
import Synchronization
import TestSupport
import Testing
import WriterOracle

@testable import Backup

/// A watch whose repository's disk fills up.
@Suite struct WatchDiskTests {
  @Test func onAFullDiskNothingIsCalledSafeThatIsNotAndWithRoomAgainItGoesOn() async throws {
    try await WatchFixture.with { place in
      try await Mounts.tmpfs(megabytes: 48, at: place.location) { disk in
        // How often each was tried.
        let locks = Mutex(0)
        let pieces = Mutex(0)
        try await place.watchingAndWriting {
          $0.commitEvery = 1
          $0.commit.repository = try Repository.open(
            FaultyStore(DirectoryStore($1.location)) { call in
              guard case .put(let name) = call else { return .done }
              if name.hasPrefix("locks/") { locks.withLock { $0 += 1 } }
              if name.hasPrefix("tail/") { pieces.withLock { $0 += 1 } }
              return .done
            }, password: WatchFixture.password)
        } _: { place, oracle, status, _, _ in
          let diary = Diary()
          try await waitUntil("a piece") { status()?.pieces ?? 0 > 0 }
          let filler = try Filler(on: disk)
          // What a fold deletes is taken as well.
          try await waitUntil("a tick that fails") {
            try filler.take()
            diary.note(oracle)
            return status()?.fault?.contains("no space left") == true
          }
          let tried = (locks.withLock { $0 }, pieces.withLock { $0 })
          // What is removed meanwhile may give room to one that does not.
          let seen = Mutex<WatchStatus?>(nil)
          try await waitUntil("two ticks and a backup more that fail") {
            try filler.take()
            diary.note(oracle)
            let now = status()
            seen.withLock { $0 = now }
            return locks.withLock { $0 } > tried.0 && pieces.withLock { $0 } > tried.1 + 1
              && now?.fault != nil && now?.bytesAtRisk ?? 0 > 0
          }
          let stood = try #require(seen.withLock { $0 })
          #expect(try place.restore().operation >= diary.acknowledged(by: stood.safe ?? .distantPast))
          try await place.judge()

          filler.free()
          let acknowledged = oracle.acknowledged
          let back = Date()
          try await waitUntil("the ticks and the backups to go on") {
            let now = status()
            return now?.safe ?? .distantPast > back && now?.commits ?? 0 > stood.commits && now?.fault == nil
          }
          #expect(try place.restore().operation >= acknowledged)
        }
        try await place.judge()
      }
    }
  }
}
