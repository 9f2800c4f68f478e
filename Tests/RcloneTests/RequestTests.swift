import BlobStore
import Foundation
import GoudCore
import Rclone
import TestSupport
import Testing

@Suite struct RequestTests {
  @Test(arguments: StoreKind.allCases) func requestsAreCountedByKind(_ kind: StoreKind) async throws {
    try await kind.run { store in
      #expect(store.requests.counts.total == 0)
      try store.put([1], as: "a/one")
      try store.put([1], as: "a/two")
      let before = store.requests.counts
      #expect(before[.put] >= 2)
      _ = try store.list(in: "a", deep: true)
      _ = try store.read("a/one")
      _ = try store.status(of: "a/one")
      try store.delete(["a/one", "a/two"])
      let after = store.requests.counts - before
      #expect(after[.list] == 1 && after[.get] == 1 && after[.delete] == 2 && after[.stat] >= 1 && after[.put] == 0)
      #expect(after.total == RequestKind.allCases.map { after[$0] }.reduce(0, +))
    }
  }

  /// At a server that refuses to replace, as Amazon's: once that is known, a put is one request and nothing else.
  @Test func whatIsCountedIsWhatTheServerGets() async throws {
    try await StoreKind.conditional { location, options, proxy in
      try await onThread {
        let store = try StoreLocation.open(location, options: options)
        var (asked, counted) = (0, RequestCounts())
        let step = { (work: () throws -> Void) -> ([String], RequestCounts) in
          try work()
          let (requests, counts) = (try proxy.requests(), store.requests.counts)
          defer { (asked, counted) = (requests.count, counts) }
          return (requests[asked...].map { String($0.prefix { $0 != " " }) }, counts - counted)
        }
        let (trial, trialCounts) = try step { try store.put([1], as: "a/zero") }
        #expect(trial.sorted() == ["HEAD", "PUT", "PUT"])
        #expect(trialCounts[.put] == 2 && trialCounts[.stat] == 1 && trialCounts.total == 3)
        for bytes in [1, 1 << 20, 16 << 20] {
          let (put, counts) = try step { try store.put([UInt8](repeating: 1, count: bytes), as: "a/\(bytes)") }
          #expect(put == ["PUT"])
          #expect(counts[.put] == 1 && counts.total == 1)
        }
        let (list, listCounts) = try step { _ = try store.list(in: "a", deep: true) }
        #expect(list == ["GET"])
        #expect(listCounts[.list] == 1 && listCounts.total == 1)
        let (read, readCounts) = try step { _ = try store.read("a/1", at: 0, count: 1) }
        #expect(read == ["HEAD", "GET"])
        #expect(readCounts[.stat] == 1 && readCounts[.get] == 1 && readCounts.total == 2)
        let (status, statusCounts) = try step { _ = try store.status(of: "a/1") }
        #expect(status == ["HEAD"])
        #expect(statusCounts[.stat] == 1 && statusCounts.total == 1)
        let (delete, deleteCounts) = try step { try store.delete(["a/1", "a/zero"]) }
        #expect(delete.sorted() == ["DELETE", "DELETE", "HEAD", "HEAD"])
        #expect(deleteCounts[.delete] == 2 && deleteCounts[.stat] == 2 && deleteCounts.total == 4)
      }
    }
  }
}
