import Foundation
import TestSupport
import Testing

@testable import GoudCore

#if canImport(Glibc)
  import Glibc
#endif

@Suite struct PaceTests {
  @Test(arguments: [
    // Of four processors; nice 10 is 0.107 of them.
    (0.0, 4.0), (1, 2.5), (2, 1), (2.5, 0.43), (4, 0.43), (400, 0.43),
  ])
  func aThirdIsLeftIdleForEveryTwoThatOthersUse(others: Double, share: Double) {
    #expect(abs(Pace.share(others: others, of: 4, nice: 10) - share) < 0.01)
  }

  @Test func theLeastShareFollowsTheNiceValue() {
    #expect(Pace.share(others: 9, of: 2, nice: 1) == 1.6)
    #expect(Pace.share(others: 9, of: 2, nice: 19) < 0.03)
  }

  /// What a thread used, and how often it slept.
  private struct Burnt: Sendable {
    let used: Double
    let slept: Int
  }

  /// Uses 0.2 s of processor time: 20 to 50 steps after which a thread may have to rest.
  private static func burn(in pace: Pace, working: Bool = true) async throws -> Burnt {
    try await onThread {
      func slept() -> Int {
        var usage = rusage()
        getrusage(1, &usage)  // RUSAGE_THREAD
        return usage.ru_nvcsw
      }
      func used() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
      }
      func loop() { while used() < 0.2 {} }
      pace.work {}
      let before = slept()
      if working { pace.work(loop) } else { loop() }
      return Burnt(used: used(), slept: slept() - before)
    }
  }

  @Test func threadsThatShareAPaceTakeNoMoreThanItTogether() async throws {
    let pace = Pace { (4, 4) }
    pace.giveWay(nice: 10)
    let began = ContinuousClock.now
    async let one = Self.burn(in: pace)
    async let other = Self.burn(in: pace)
    let all = try await [one, other]
    let seconds = (ContinuousClock.now - began) / .seconds(1)
    // What each used after its last rest is not paid for yet: a tick of the clock, 10 ms at most.
    let paid = all.map(\.used).reduce(0, +) - 0.04
    #expect(seconds > paid / 0.43, "\(all) in \(seconds) s")
    #expect(all.allSatisfy { $0.slept > 10 }, "\(all)")
  }

  @Test func whereNobodyElseWorksNothingRests() async throws {
    let pace = Pace { (0, 4) }
    pace.giveWay(nice: 19)
    #expect(try await Self.burn(in: pace).slept < 5)
  }

  @Test func nothingRestsUnlessAsked() async throws {
    #expect(try await Self.burn(in: Pace { (4, 4) }).slept < 5)
  }

  @Test func betweenPiecesOfWorkNothingRests() async throws {
    let pace = Pace { (4, 4) }
    pace.giveWay(nice: 10)
    #expect(try await Self.burn(in: pace, working: false).slept < 5)
  }
}

@Suite struct ProcessorUseTests {
  @Test func theTableOfTheManualIsRead() throws {
    let table = """
      cpu  100 20 30 4000 500 6 7 8 90 0
      cpu0 1 1 1 1 1 1 1 1 0 0
      cpu1 1 1 1 1 1 1 1 1 0 0
      intr 5
      procs_running 7

      """
    let use = try #require(ProcessorUse(Array(table.utf8)))
    #expect(use.processors == 2)
    #expect(use.running == 7)
    #expect(use.busy * Double(sysconf(Int32(_SC_CLK_TCK))) == 171)
  }

  @Test(arguments: [
    "", "cpu\n", "cpu 1 2 3\ncpu0 1 2 3\nprocs_running 1\n", "cpu 1 1 1 1 1 1 1 1\nprocs_running 1\n",
    "cpu 1 1 1 1 1 1 1 1\ncpu0 1 1 1 1 1 1 1 1\n", "procs_running 1\n",
  ])
  func anyOtherTextIsNone(text: String) { #expect(ProcessorUse(Array(text.utf8)) == nil) }

  @Test func theWorkOfOthersIsSeen() async throws {
    let sensor = ProcessorUse.sensor
    #expect(sensor()?.processors ?? 0 >= 1)
    #expect(sensor() == nil, "a quarter of a second has not passed")
    try await Programs.run("/bin/sh", ["-c", "while :; do :; done"]) { other in
      // Other tests may keep the processors from it: then these are the others.
      try await waitUntil("a busy machine to be seen") { (sensor()?.others ?? 0) > 0.2 }
      other.send(SIGKILL)
    }
  }
}
