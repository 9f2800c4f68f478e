import GoudCore
import Testing

/// What an engine relies on: blocks are taken in before whatever is asked after them.
@Suite struct ThreadExecutorTests {
  private actor Engine {
    private nonisolated let executor = ThreadExecutor(name: "goud test")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    private(set) var done: [Int] = []

    func soon(_ number: Int) { Task { now(number) } }
    func now(_ number: Int) { done.append(number) }
  }

  @Test func whatAnActorPutsOffComesBeforeWhateverIsAskedNext() async {
    let engine = Engine()
    for number in stride(from: 0, to: 10_000, by: 2) {
      await engine.soon(number)
      await engine.now(number + 1)
    }
    #expect(await engine.done == Array(0..<10_000))
  }
}
