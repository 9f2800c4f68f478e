import ArgumentParser
import Foundation

extension Load {
  /// The same load on an etcd cluster, over its JSON gateway: what a peer with a majority on disk does on this machine.
  struct Etcd: AsyncParsableCommand {
    @OptionGroup var targets: Targets
    @Option var clients = 64
    @Option var seconds = 10
    @Option var bytes = 1024

    func run() async throws {
      let tally = Tally()
      let begin = ContinuousClock.now
      let end = begin + .seconds(seconds)
      await withDiscardingTaskGroup { group in
        for number in 0..<clients {
          group.addTask { [targets, bytes] in
            let url = targets.url[number % targets.url.count]
            while ContinuousClock.now < end { await put(at: url, bytes, tally) }
          }
        }
      }
      print(tally.report(seconds: (ContinuousClock.now - begin) / .seconds(1)))
    }

    private func put(at url: String, _ bytes: Int, _ tally: Tally) async {
      let key = Data((0..<16).map { _ in UInt8.random(in: .min ... .max) }).base64EncodedString()
      let value = Data(repeating: 120, count: bytes).base64EncodedString()
      let begin = ContinuousClock.now
      do {
        _ = try await API.post("\(url)/v3/kv/put", ["key": key, "value": value], token: nil)
        tally.add(.acknowledged((ContinuousClock.now - begin) / .milliseconds(1)))
      } catch {
        tally.add(.failed("\(error)"))
        try? await Task.sleep(for: .milliseconds(50))
      }
    }
  }
}
